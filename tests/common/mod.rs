//! A run in a folder of its own, and what a test asks of it.
#![allow(dead_code, reason = "each test program uses its part")]

use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// A manifest whose trials run a line of shell, in a folder that goes away with it.
pub struct Run {
    /// The manifest's folder.
    pub base: PathBuf,
    /// The run's folder.
    pub dir: PathBuf,
}

impl Run {
    pub fn new(name: &str, max_trials: u32, parallel: u32, script: &str) -> Self {
        Self::with_budget(
            name,
            &format!("maxTrials: {max_trials}, parallelTrials: {parallel}"),
            script,
        )
    }

    pub fn with_budget(name: &str, budget: &str, script: &str) -> Self {
        let base = std::env::temp_dir().join(format!("tuning-run-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&base).unwrap();
        let run = Self {
            dir: base.join("run"),
            base,
        };
        let script = serde_json::to_string(script).unwrap();
        let manifest = format!(
            r#"apiVersion: tuning-operator.io/v1alpha1
kind: TuningJob
metadata: {{name: {name}}}
spec:
  objective: {{metric: f1, goal: Maximize}}
  parameters: [{{name: x, double: {{min: 0.1, max: 1.0}}}}]
  budget: {{{budget}}}
  trial:
    command: [bash, -c, {script}, trial, $(params.x)]
    env: [{{name: EXTRA, value: x=$(params.x)}}]
  metrics: {{logs: {{definitions: [{{name: f1, regex: "f1=([0-9.]+|nan)"}}]}}}}
"#
        );
        std::fs::write(run.manifest(), manifest).unwrap();
        run
    }

    fn manifest(&self) -> PathBuf {
        self.base.join("job.yaml")
    }

    /// Replaces text of the manifest, which must be there.
    pub fn edit(&self, old: &str, new: &str) {
        let text = std::fs::read_to_string(self.manifest()).unwrap();
        assert!(text.contains(old), "{old} in {text}");
        std::fs::write(self.manifest(), text.replace(old, new)).unwrap();
    }

    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tuning"));
        command
            .args(args)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    pub fn tuning(&self, args: &[&str]) -> Command {
        let mut command = self.command(&["run"]);
        command
            .arg(self.manifest())
            .arg("--run")
            .arg(&self.dir)
            .args(args);
        command
    }

    pub fn journal(&self) -> Vec<Value> {
        let text = std::fs::read_to_string(self.dir.join("journal.jsonl")).unwrap_or_default();
        text.lines()
            .filter_map(|line| serde_json::from_str(line).ok())
            .collect()
    }

    pub fn events(&self, kind: &str) -> Vec<Value> {
        self.journal()
            .into_iter()
            .filter(|e| e["event"] == kind)
            .collect()
    }

    pub fn summary(&self) -> Value {
        serde_json::from_slice(&std::fs::read(self.dir.join("summary.json")).unwrap()).unwrap()
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            let _ = std::fs::remove_dir_all(&self.base);
        }
    }
}

pub fn wait_until(what: &str, condition: impl Fn() -> bool) {
    let begin = Instant::now();
    while !condition() {
        assert!(
            begin.elapsed() < Duration::from_secs(60),
            "waited for a minute: {what}"
        );
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Whether a process runs; one that has ended and waits for its parent does not.
pub fn runs(pid: u64) -> bool {
    let stat = std::fs::read_to_string(Path::new("/proc").join(pid.to_string()).join("stat"));
    stat.is_ok_and(|stat| {
        !stat
            .rsplit(')')
            .next()
            .unwrap_or_default()
            .trim_start()
            .starts_with('Z')
    })
}

pub fn signal(pid: u32, name: &str) {
    assert!(
        Command::new("kill")
            .arg(format!("-{name}"))
            .arg(pid.to_string())
            .status()
            .unwrap()
            .success()
    );
}

/// Serves two measurements, at step 10 and at step 20, for two and a half seconds each.
pub const METRICS_SERVER: &str = r#"
import http.server, os, threading, time

state = {"step": 10, "f1": 0.5}

class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        text = 'tuning_metric{name="f1"} %(f1)s\ntuning_metric_step %(step)s\ntuning_step 99\n' % state
        self.send_response(200)
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *args):
        pass

server = http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ["TUNING_METRICS_PORT"])), Page)
threading.Thread(target=server.serve_forever, daemon=True).start()
time.sleep(2.5)
state.update(step=20, f1=0.75)
time.sleep(2.5)
"#;
