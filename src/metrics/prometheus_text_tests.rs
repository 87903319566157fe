//! Unit tests of `prometheus_text`.

use super::*;
use proptest::prelude::*;

fn read(text: &str) -> Exposition {
    parse(text).unwrap()
}

#[test]
fn the_page_of_the_specification() {
    let page = read(concat!(
        "# HELP http_requests_total The total number of HTTP requests.\n",
        "# TYPE http_requests_total counter\n",
        "http_requests_total{method=\"post\",code=\"200\"} 1027 1395066363000\n",
        "http_requests_total{method=\"post\",code=\"400\"}    3 1395066363000\n",
        "msdos_file_access_time_seconds{path=\"C:\\\\DIR\\\\FILE.TXT\",error=\"Cannot find file:\\n\\\"FILE.TXT\\\"\"} 1.458255915e9\n",
        "metric_without_timestamp_and_labels 12.47\n",
        "something_weird{problem=\"division by zero\"} +Inf -3982045\n",
        "http_request_duration_seconds_bucket{le=\"+Inf\",} 144320\r\n",
        "tuning:rate:5m NaN\n",
        "tokens_bucket { le = \"1\" } 8 1520879607.789 # {trace_id=\"a\"} 0.67 1520879607.789\n",
        "# EOF\n",
    ));
    assert_eq!(page.n_malformed(), 0);
    assert_eq!(page.value("http_requests_total", &[("code", "400")]), Some(3.0));
    assert_eq!(page.value("http_requests_total", &[("code", "500")]), None);
    assert_eq!(
        page.value("metric_without_timestamp_and_labels", &[]),
        Some(12.47)
    );
    assert_eq!(page.value("something_weird", &[]), Some(f64::INFINITY));
    assert_eq!(
        page.value("http_request_duration_seconds_bucket", &[("le", "+Inf")]),
        Some(144_320.0)
    );
    assert_eq!(page.value("tokens_bucket", &[("le", "1")]), Some(8.0));
    assert!(page.value("tuning:rate:5m", &[]).unwrap().is_nan());
    assert_eq!(page.samples()[2].label("path"), Some("C:\\DIR\\FILE.TXT"));
    assert_eq!(
        page.samples()[2].label("error"),
        Some("Cannot find file:\n\"FILE.TXT\"")
    );
}

#[test]
fn malformed_lines_are_counted_and_spoil_nothing() {
    let bad = [
        "f1",
        "f1 87%",
        "9f 1",
        "f1{a=\"b} 1",
        "f1{a=b} 1",
        "f1{a=\"b\" c=\"d\"} 1",
        "f1{a=\"b\"",
        "f1 1 yesterday",
        "f1 1 2 3",
        "<html>",
        "{a=\"b\"} 1",
    ];
    let page = read(&format!("ok 1\n{}\nlast 2e-3\n", bad.join("\n")));
    assert_eq!(page.n_malformed(), bad.len(), "{page:?}");
    assert_eq!(page.value("last", &[]), Some(2e-3));
    assert_eq!(page.samples().len(), 2);
}

#[test]
fn of_several_samples_the_last_counts() {
    assert_eq!(read("f1 0.5\nf1 0.75").value("f1", &[]), Some(0.75));
}

#[test]
fn a_page_without_end_is_refused() {
    let page = "f1 0.5\n".repeat(MAX_EXPOSITION_BYTES / 7 + 1);
    assert_eq!(parse(&page), Err(TooLarge(page.len())));
    assert!(parse(&page[..MAX_EXPOSITION_BYTES]).is_ok());
}

fn escape(text: &str) -> String {
    text.replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n")
}

proptest! {
    #[test]
    fn what_is_written_is_read(
        name in "[a-zA-Z_:][a-zA-Z0-9_:]{0,20}",
        labels in proptest::collection::vec(("[a-zA-Z_][a-zA-Z0-9_]{0,8}", "[^\r]{0,12}"), 0..4),
        value in proptest::num::f64::ANY,
    ) {
        let inside: Vec<_> = labels.iter().map(|(n, v)| format!("{n}=\"{}\"", escape(v))).collect();
        let page = read(&format!("{name}{{{}}} {value:e}\n", inside.join(",")));
        let sample = &page.samples()[0];
        prop_assert_eq!(&sample.name, &name);
        prop_assert_eq!(&sample.labels, &labels);
        prop_assert!(sample.value == value || sample.value.is_nan() && value.is_nan());
    }

    #[test]
    fn no_text_is_too_strange(text in "(?s).{0,80}|[a-c{}=,\"\\\\ 1#\n]{0,40}") {
        let page = read(&text);
        prop_assert!(page.samples().len() + page.n_malformed() <= text.lines().count());
    }
}

#[test]
fn names_in_quotes_are_names() {
    let page = parse(concat!(
        "{\"eval.f1\"} 0.9\n{\"tuning_metric\", name=\"f1\", \"data set\"=\"dev\",} 0.8 1700000000\n",
        "tuning_metric{\"name\"=\"loss\"} 0.3\n{} 1\n{\"open 1\n{\"x\" 1\n",
    ))
    .unwrap();
    assert_eq!((page.samples().len(), page.n_malformed()), (3, 3));
    assert_eq!(page.value("eval.f1", &[]), Some(0.9));
    assert_eq!(
        page.value("tuning_metric", &[("name", "f1"), ("data set", "dev")]),
        Some(0.8)
    );
    assert_eq!(page.value("tuning_metric", &[("name", "loss")]), Some(0.3));
}
