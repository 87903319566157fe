//! What can't be read of a trial is never a value, and its record says why.
#![cfg(feature = "local")]

mod common;

use common::Run;

/// How the only trial ended, its message, and its value.
fn end(name: &str, script: &str, by_endpoint: bool) -> (String, String, Option<f64>) {
    let run = Run::new(name, 1, 1, script);
    if by_endpoint {
        run.edit(
            r#"metrics: {logs: {definitions: [{name: f1, regex: "f1=([0-9.]+|nan)"}]}}"#,
            "metrics: {prometheus: {port: 9090, path: /metrics}}",
        );
    }
    let _ = run.tuning(&[]).output().unwrap();
    let ended = run.events("ended").remove(0);
    let text = |key: &str| ended[key].as_str().unwrap_or_default().to_owned();
    (text("failure"), text("message"), ended["value"].as_f64())
}

/// Fails unless such a trial has no value, and its message says this.
fn is_missing(name: &str, script: &str, by_endpoint: bool, part: &str) {
    let (failure, message, value) = end(name, script, by_endpoint);
    assert_eq!(
        (failure.as_str(), value),
        ("MetricMissing", None),
        "{name}: {message}"
    );
    assert!(message.contains(part), "{name}: {message}");
}

#[test]
fn a_metric_that_is_missing_is_missing_for_a_reason() {
    let long = r#"head -c 70000 /dev/zero | tr '\0' ' ' > $TUNING_OUTPUT_DIR/report.json"#;
    for (name, script, part) in [
        (
            "exponent",
            "echo f1=0.5; echo f1=4.8e-05",
            "of \"f1=4.8e-05\" the expression captures only \"4.8\"",
        ),
        (
            "comma",
            "echo f1=0,4784",
            "print numbers with a point and without commas",
        ),
        ("thousands", "echo f1=1,234.5", "captures only \"1\""),
        (
            "dots",
            "echo f1=0.4.784",
            "captures \"0.4.784\", which is no number",
        ),
        (
            "quotes",
            r#"echo '{"f1": "0.25"}' > $TUNING_OUTPUT_DIR/report.json"#,
            "its f1 is \"0.25\", which is no number",
        ),
        (
            "other",
            r#"echo '{"F1": 0.25}' > $TUNING_OUTPUT_DIR/report.json"#,
            "report.json (it has F1)",
        ),
        (
            "broken",
            r#"echo '{"f1": 0.25' > $TUNING_OUTPUT_DIR/report.json"#,
            "the report is not JSON",
        ),
        ("long", long, "at most 65536 bytes are read"),
    ] {
        is_missing(name, script, false, part);
    }
}

#[test]
fn a_byte_order_mark_and_colours_are_no_hindrance() {
    let mark = r#"printf '\xef\xbb\xbf{"f1": 0.25}' > $TUNING_OUTPUT_DIR/report.json"#;
    assert_eq!(end("mark", mark, false).2, Some(0.25));
    assert_eq!(
        end("colours", r"printf '\033[1mf1=\033[32m0.75\033[0m\n'", false).2,
        Some(0.75)
    );
}

#[test]
fn a_script_of_another_system_is_called_so() {
    use std::os::unix::fs::PermissionsExt;
    for (name, first, part) in [
        ("crlf", "#!/bin/bash\r\n", "save the file with line ends of Unix"),
        (
            "python",
            "#!/usr/bin/python3.99\n",
            "names /usr/bin/python3.99, which is not there",
        ),
    ] {
        let run = Run::new(name, 1, 1, "true");
        let script = run.base.join("train.sh");
        std::fs::write(&script, format!("{first}echo f1=0.5\n")).unwrap();
        std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755)).unwrap();
        run.edit(
            "command: [bash, -c, \"true\", trial, $(params.x)]",
            "command: [./train.sh]",
        );
        let output = run.tuning(&[]).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr) + String::from_utf8_lossy(&output.stdout);
        assert!(!output.status.success() && said.contains(part), "{said}");
    }
}

/// Serves these bytes of HTTP on the trial's port until it was asked twice: the first answer has been taken in by then.
fn serve(answer: &str) -> String {
    format!(
        "python3 -c \"
import os, socket
s = socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind(('127.0.0.1', int(os.environ['TUNING_METRICS_PORT']))); s.listen(); s.settimeout(60)
for _ in range(2):
    c, _ = s.accept()
    c.recv(4096); c.sendall(('''{answer}''').encode()); c.close()
\""
    )
}

fn page(text: &str) -> String {
    serve(&format!(
        "HTTP/1.0 200 OK\\r\\nContent-Type: text/plain\\r\\n\\r\\n{text}"
    ))
}

#[test]
fn an_endpoint_that_tells_nothing_says_why() {
    let two = r"f1{split=\'dev\'} 0.5\nf1{split=\'train\'} 0.9\n".replace(r"\'", "\\\"");
    for (name, script, part) in [
        ("nobody", "sleep 4".to_owned(), "nobody listened on port"),
        (
            "error",
            serve("HTTP/1.0 500 Oh\\r\\n\\r\\n"),
            "it answered HTTP 500",
        ),
        ("page", page("<html>f1 0.5</html>"), "no metrics page"),
        ("two", page(&two), "the page has 2 series f1"),
        (
            "other",
            page("accuracy 0.5\\n"),
            "the page has neither tuning_metric{name=\"f1\"} nor f1",
        ),
        (
            "late",
            format!("sleep 2; {}", page("accuracy 0.5\\n")),
            "the page has neither tuning_metric{name=\"f1\"} nor f1",
        ),
    ] {
        is_missing(&format!("endpoint-{name}"), &script, true, part);
    }
}

#[test]
fn a_value_that_was_only_shown_is_as_old_as_the_record_says() {
    let (_, message, value) = end("shown", &page("f1 0.5\\n"), true);
    assert_eq!(value, Some(0.5), "{message}");
    assert!(
        message.contains("its value was read") && message.contains("before it ended"),
        "{message}"
    );
    let script = page("f1 0.5\\n") + r#"; echo '{"f1": 0.75}' > $TUNING_OUTPUT_DIR/report.json"#;
    let (_, message, value) = end("told", &script, true);
    assert_eq!((value, message.as_str()), (Some(0.75), ""));
}

#[test]
fn a_port_that_is_for_pods_is_said_to_have_no_effect() {
    let run = Run::new("port", 1, 1, "echo f1=0.5");
    run.edit(
        r#"metrics: {logs: {definitions: [{name: f1, regex: "f1=([0-9.]+|nan)"}]}}"#,
        "metrics: {prometheus: {port: 8000}}",
    );
    let said = run
        .command(&["validate"])
        .arg(run.base.join("job.yaml"))
        .output()
        .unwrap();
    let said = String::from_utf8(said.stdout).unwrap();
    assert!(
        said.contains("spec.metrics.prometheus.port has no effect on one machine"),
        "{said}"
    );
}
