//! One attempt at a trial: its process, what it says, and what its end makes of the trial.

use super::command::{Place, launch};
use super::event::{FailureWord, Happening, PhaseWord};
use super::logs::{LogNews, follow};
use super::{Session, process, report, run_dir, scrape};
use crate::api::MetricsSpec;
use crate::metrics::{Listener, LogMetrics, MetricDefinition, TrialReading, TrialReport};
use crate::tuning::{Ending, Exit, Failure, Progress, StopReason, Trial, Verdict, judge};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};
use tokio::sync::mpsc::UnboundedSender;

/// Something about one attempt.
pub struct News {
    pub trial: u32,
    pub attempt: u32,
    pub what: AttemptNews,
}

/// What it is.
pub enum AttemptNews {
    Exited(Exit),
    Log(LogNews),
    Reading(TrialReading),
}

/// An attempt that is under way.
pub struct Attempt {
    number: u32,
    pid: u32,
    objective: String,
    heard: Listener,
    stop: Option<(StopReason, Instant)>,
    exit: Option<(Exit, Instant)>,
    log_closed: bool,
    last_line: String,
    looked_for: String,
}

/// Starts an attempt. The error is a sentence: the program could not be started at all.
pub fn begin(
    session: &Session,
    trial: &Trial,
    client: reqwest::Client,
    news: UnboundedSender<News>,
) -> Result<Attempt, String> {
    let checked = &session.ledger.checked;
    let job = &session.ledger.snapshot.job;
    let name = job.trial_name(trial.index);
    let metrics = checked.spec.metrics.clone().unwrap_or_default();
    // Absolute: the program runs in the manifest's folder, not in this one.
    let trial_dir = std::path::absolute(session.dir.trial(&name)).map_err(|e| format!("{name}: {e}"))?;
    std::fs::create_dir_all(trial_dir.join("checkpoint"))
        .map_err(|e| format!("{}: {e}", trial_dir.display()))?;
    report::forget(&trial_dir);
    let port = match metrics.logs {
        None => Some(
            scrape::free_port(trial.index).map_err(|e| format!("no free port for {name}'s metrics: {e}"))?,
        ),
        Some(_) => None,
    };
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let threads = (cores / job.budget.parallel.max(1) as usize).max(1);
    let trainer = &session.trainer;
    let place = Place {
        trial_dir: &trial_dir,
        base: &session.base,
        trainer,
        threads,
        metrics_port: port,
    };
    let resource = checked
        .spec
        .strategy
        .as_ref()
        .and_then(|s| s.hyperband.as_ref())
        .map(|h| h.resource.as_str());
    let launch = launch(job, resource, &checked.spec.trial, trial, &place);
    let parameters = trial_dir.join("parameters.json");
    run_dir::write_whole(&parameters, launch.parameters.as_bytes())
        .map_err(|e| format!("{}: {e}", parameters.display()))?;
    let (mut child, output) = process::spawn(&launch)
        .map_err(|e| format!("{}: can't be started: {e}", launch.program.display()))?;
    let number = trial.attempts + 1;
    let pid = child.id().unwrap_or_default();
    let tell = {
        let index = trial.index;
        move |what| {
            drop(news.send(News {
                trial: index,
                attempt: number,
                what,
            }))
        }
    };
    let log_metrics = log_metrics(&metrics)?;
    let (log, tell_log) = (trial_dir.join("log.txt"), tell.clone());
    std::thread::spawn(move || follow(output, &log, log_metrics, |n| tell_log(AttemptNews::Log(n))));
    if let Some(port) = port {
        let path = metrics.prometheus.clone().unwrap_or_default().path;
        let objective = job.objective.metric.clone();
        tokio::spawn(keep_asking(client, port, path, objective, tell.clone()));
    }
    tokio::spawn(async move { tell(AttemptNews::Exited(process::exit_of(child.wait().await))) });
    Ok(Attempt::new(number, pid, &job.objective.metric, &metrics))
}

fn log_metrics(metrics: &MetricsSpec) -> Result<Option<LogMetrics>, String> {
    let Some(logs) = &metrics.logs else {
        return Ok(None);
    };
    let definition = |d: &crate::api::MetricDefinition| MetricDefinition {
        name: d.name.clone(),
        regex: d.regex.clone(),
    };
    let definitions: Vec<MetricDefinition> = logs.definitions.iter().map(definition).collect();
    LogMetrics::new(&definitions).map(Some).map_err(|faults| {
        let faults = faults
            .into_iter()
            .map(|(i, m)| format!("spec.metrics.logs.definitions[{i}].regex: {m}"));
        faults.collect::<Vec<_>>().join("; ")
    })
}

async fn keep_asking(
    client: reqwest::Client,
    port: u16,
    path: String,
    objective: String,
    tell: impl Fn(AttemptNews),
) {
    // The task ends with the runtime, or when the attempt's endpoint has been silent for a long time after it spoke.
    let mut silent = 0;
    while silent < 60 {
        tokio::time::sleep(scrape::INTERVAL).await;
        match scrape::scrape(&client, port, &path, &objective).await {
            Some(reading) => {
                silent = 0;
                tell(AttemptNews::Reading(reading));
            }
            None => silent += 1,
        }
    }
}

impl Attempt {
    fn new(number: u32, pid: u32, objective: &str, metrics: &MetricsSpec) -> Self {
        let source = match &metrics.logs {
            Some(_) => "its output".to_owned(),
            None => format!(
                "its metrics at {}",
                metrics.prometheus.clone().unwrap_or_default().path
            ),
        };
        Self {
            number,
            pid,
            objective: objective.to_owned(),
            heard: Listener::new(objective),
            stop: None,
            exit: None,
            log_closed: false,
            last_line: String::new(),
            looked_for: format!("{objective}, neither in {source} nor in report.json"),
        }
    }

    pub fn number(&self) -> u32 {
        self.number
    }

    pub fn pid(&self) -> u32 {
        self.pid
    }

    pub fn progress(&self) -> Progress {
        let TrialReading {
            step,
            total_steps,
            epoch,
            ..
        } = self.heard.progress;
        Progress {
            step,
            total_steps,
            epoch,
        }
    }

    /// Learning-curve points since the last call.
    pub fn take_points(&mut self) -> Vec<(u64, BTreeMap<String, f64>)> {
        let points = self.heard.take_news();
        points.into_iter().map(|p| (p.step, p.metrics)).collect()
    }

    pub fn absorb(&mut self, news: AttemptNews) {
        match news {
            AttemptNews::Exited(exit) => self.exit = Some((exit, Instant::now())),
            AttemptNews::Log(LogNews::Closed(last_line)) => {
                self.log_closed = true;
                self.last_line = last_line;
            }
            AttemptNews::Log(LogNews::Metrics(found)) => self.heard.line(found),
            AttemptNews::Reading(reading) => self.heard.page(reading),
        }
    }

    /// Asks the trial to stop; false where it was asked before.
    pub fn stop(&mut self, reason: StopReason) -> bool {
        if self.stop.is_some() || self.exit.is_some() {
            return false;
        }
        process::terminate(self.pid);
        self.stop = Some((reason, Instant::now()));
        true
    }

    /// Ends the trial's processes by force.
    pub fn kill(&self) {
        process::kill(self.pid);
    }

    /// Whether the process has ended and all of its output was seen; ends by force what does not end when asked.
    pub fn is_over(&self, now: Instant, drain: Duration) -> bool {
        if let (Some((_, asked)), None) = (&self.stop, &self.exit)
            && now.duration_since(*asked) > process::GRACE
        {
            self.kill();
        }
        let Some((_, ended)) = self.exit else { return false };
        self.log_closed || now.duration_since(ended) > drain
    }

    /// What the end makes of the trial, and the sentence with which the whole job halts, if it does.
    pub fn conclude(self, session: &Session, index: u32) -> (Happening, Option<String>) {
        // Nothing of the group may go on after its leader.
        self.kill();
        let name = session.ledger.snapshot.job.trial_name(index);
        let report = report::read(&session.dir.trial(&name)).unwrap_or_default();
        let end =
            |phase, failure, value, message| self.ended(index, phase, (failure, value), &report, message);
        let failed = |failure, message| end(PhaseWord::Failed, FailureWord::of(failure), None, message);
        let happening = match (
            self.verdict(&report),
            self.stop.as_ref().map(|(reason, _)| reason),
        ) {
            (Verdict::Succeeded(value), _) => end(PhaseWord::Succeeded, None, Some(value), String::new()),
            (_, Some(StopReason::Suspended)) => Happening::Requeued {
                trial: index,
                message: "stopped, to go on from its checkpoint".into(),
            },
            (_, Some(StopReason::LagsBehind { message })) => {
                let last = self.heard.last().map(|(_, value)| value);
                end(PhaseWord::EarlyStopped, None, last, message.clone())
            }
            (_, Some(StopReason::TimedOut)) => failed(
                Failure::TimedOut,
                "ran longer than spec.budget.maxTrialDuration".into(),
            ),
            (_, Some(StopReason::JobEnded)) => Happening::cancelled(index, "the job ended".into()),
            (Verdict::Failed(failure, message), None) => failed(failure, message),
            (Verdict::Halt(message), None) => {
                let halt = Some(format!("{name}: {message}"));
                return (
                    Happening::Requeued {
                        trial: index,
                        message,
                    },
                    halt,
                );
            }
        };
        (happening, None)
    }

    fn verdict(&self, report: &TrialReport) -> Verdict {
        let value = report
            .metrics
            .get(&self.objective)
            .or(self.heard.metrics.get(&self.objective))
            .copied();
        let sentence = (!self.last_line.is_empty()).then(|| self.last_line.clone());
        let exit = self.exit.map_or(Exit::Code(-1), |(exit, _)| exit);
        judge(&Ending {
            exit,
            value,
            sentence,
            looked_for: self.looked_for.clone(),
        })
    }

    fn ended(
        &self,
        trial: u32,
        phase: PhaseWord,
        (failure, value): (Option<FailureWord>, Option<f64>),
        report: &TrialReport,
        message: String,
    ) -> Happening {
        let mut metrics = self.heard.metrics.clone();
        metrics.extend(report.metrics.clone());
        let curve = report.curve_of(&self.objective);
        let curve = curve.into_iter().filter(|(_, v)| v.is_finite()).collect();
        Happening::Ended {
            trial,
            phase,
            failure,
            value,
            metrics,
            curve,
            message,
        }
    }
}
