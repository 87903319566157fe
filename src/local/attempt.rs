//! One attempt at a trial: its process, what it says, and what its end makes of the trial.

use super::command::{Place, launch};
use super::logs::{LogNews, follow};
use super::news::{AttemptNews, News, Teller};
use super::thinning::Thinning;
use super::{Session, models, process, run_dir, scrape};
use crate::api::MetricsSpec;
use crate::contract::final_report;
use crate::metrics::{CurveRecorder, LogValue, Point, TrialReading, TrialReport};
use crate::tuning::{
    AttemptState, Exit, Exited, Progress, Reported, Run, StopReason, Transition, Trial, lifecycle,
};
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{ErrorKind, PipeReader, Read};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use tokio::process::Child;
use tokio::sync::mpsc::Sender;

/// An attempt that is under way.
pub(super) struct Attempt {
    number: u32,
    pid: u32,
    log_from: u64,
    objective: String,
    heard: CurveRecorder,
    thinning: Thinning<Point>,
    /// Points that are to be recorded.
    points: Vec<Point>,
    stop: Option<(StopReason, Instant)>,
    exit: Option<(Exit, Instant)>,
    log_closed: bool,
    last_line: String,
    source: String,
    /// When the endpoint was read last, and why it could not be read, if it never was.
    read: Option<Timestamp>,
    unread: Option<String>,
}

/// Starts an attempt on these GPUs, as CUDA names them; none where it may look for itself. The error is a sentence: the program could not be started at all.
pub(super) fn begin(
    session: &Session,
    trial: &Trial,
    gpus: &str,
    client: reqwest::Client,
    news: Sender<News>,
) -> Result<Attempt, String> {
    let checked = &session.ledger.checked;
    let job = &session.ledger.snapshot.job;
    let name = job.trial_name(trial.index);
    let metrics = checked.spec.metrics.clone().unwrap_or_default();
    let trial_dir = session
        .dir
        .whole_trial(&name)
        .map_err(|e| format!("{name}: {e}"))?;
    std::fs::create_dir_all(trial_dir.join("checkpoint"))
        .map_err(|e| format!("{}: {e}", trial_dir.display()))?;
    forget_report(&trial_dir);
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
        bar: models::bar(&session.ledger),
        gpus,
        metrics_port: port,
    };
    let resource = checked.spec.strategy.as_ref().and_then(|s| s.resource());
    let launch = launch(job, resource, &checked.spec.trial, trial, &place);
    let parameters = trial_dir.join("parameters.json");
    run_dir::write_whole(&parameters, launch.parameters.as_bytes())
        .map_err(|e| format!("{}: {e}", parameters.display()))?;
    let (child, output) =
        process::spawn(&launch).map_err(|fault| process::why_not_started(&launch, &fault))?;
    let number = trial.attempts + 1;
    let pid = child.id().unwrap_or_default();
    let log = trial_dir.join("log.txt");
    let log_from = std::fs::metadata(&log).map_or(0, |log| log.len());
    let teller = Teller {
        news,
        trial: trial.index,
        attempt: number,
    };
    let asked = port.map(|port| (port, metrics.prometheus.clone().unwrap_or_default().path));
    listen(session, (child, output), log, asked, client, teller);
    Ok(Attempt::new(
        number,
        (pid, log_from),
        &job.objective.metric,
        &metrics,
    ))
}

/// Tells what the program says: in its output, which goes to `log`, at its endpoint (the port and the path, if it is asked), and
/// by its end.
fn listen(
    session: &Session,
    (mut child, output): (Child, PipeReader),
    log: PathBuf,
    asked: Option<(u16, String)>,
    client: reqwest::Client,
    teller: Teller,
) {
    let log_metrics = session.ledger.checked.log_metrics.clone();
    let of_log = teller.clone();
    std::thread::spawn(move || {
        follow(output, &log, log_metrics, |n| {
            of_log.tell_blocking(AttemptNews::Log(n))
        });
    });
    if let Some((port, path)) = asked {
        let objective = session.ledger.snapshot.job.objective.metric.clone();
        tokio::spawn(keep_asking(client, port, path, objective, teller.clone()));
    }
    tokio::spawn(async move {
        let exit = process::exit_of(child.wait().await);
        teller.tell(AttemptNews::Exited(exit)).await;
    });
}

async fn keep_asking(client: reqwest::Client, port: u16, path: String, objective: String, teller: Teller) {
    // The task ends with the runtime, or when the attempt's endpoint has been silent for a long time after it spoke.
    let mut silent = 0;
    while silent < 60 {
        tokio::time::sleep(scrape::INTERVAL).await;
        match scrape::scrape(&client, port, &path, &objective).await {
            Ok(reading) => {
                silent = 0;
                teller.tell(AttemptNews::Reading(reading)).await;
            }
            Err(why) => {
                silent += 1;
                teller.tell(AttemptNews::Unread(why)).await;
            }
        }
    }
}

impl Attempt {
    fn new(number: u32, (pid, log_from): (u32, u64), objective: &str, metrics: &MetricsSpec) -> Self {
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
            log_from,
            objective: objective.to_owned(),
            heard: CurveRecorder::new(objective),
            thinning: Thinning::default(),
            points: Vec::new(),
            stop: None,
            exit: None,
            log_closed: false,
            last_line: String::new(),
            source,
            read: None,
            unread: None,
        }
    }

    pub fn number(&self) -> u32 {
        self.number
    }

    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// Bytes of earlier attempts in the trial's log file.
    pub fn log_from(&self) -> u64 {
        self.log_from
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

    /// Learning-curve points to be recorded since the last call; with the very last one, once the attempt is over.
    pub fn take_points(&mut self, over: bool) -> Vec<(u64, BTreeMap<String, f64>)> {
        if over {
            self.points.extend(self.thinning.rest());
        }
        let points = std::mem::take(&mut self.points);
        points.into_iter().map(|p| (p.step, p.metrics)).collect()
    }

    pub fn absorb(&mut self, news: AttemptNews) {
        match news {
            AttemptNews::Exited(exit) => self.exit = Some((exit, Instant::now())),
            AttemptNews::Log(LogNews::Closed(last_line)) => {
                self.log_closed = true;
                self.last_line = last_line;
            }
            AttemptNews::Log(LogNews::Metrics(lines)) => lines.into_iter().for_each(|found| self.line(found)),
            AttemptNews::Reading(reading) => {
                self.read = Some(Timestamp::now());
                // What was in the way before is over: what is missing now is missing on the page.
                self.unread = None;
                self.heard.page(reading);
                self.thin();
            }
            // A program that ends takes its endpoint with it: that says nothing about what it showed before.
            AttemptNews::Unread(why) if self.read.is_none() && self.exit.is_none() => self.unread = Some(why),
            AttemptNews::Unread(_) => {}
        }
    }

    fn line(&mut self, found: Vec<LogValue>) {
        self.heard.line(found);
        self.thin();
    }

    fn thin(&mut self) {
        for point in self.heard.take_news() {
            let value = point.metrics.get(&self.objective).copied().unwrap_or(f64::NAN);
            self.points.extend(self.thinning.keep(value, point));
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

    /// What the end makes of its trial: the tuner's own request to stop decides, else how the process ended.
    pub fn conclude(self, session: &Session, trial: &Trial, now: Timestamp) -> Transition {
        // Nothing of the group may go on after its leader.
        self.kill();
        let job = &session.ledger.snapshot.job;
        if let Some((reason, _)) = &self.stop {
            return Transition {
                trial: lifecycle::stop(&job.objective, trial, reason, now),
                halt: None,
                trouble: None,
            };
        }
        let report = read_report(&session.dir.trial(&job.trial_name(trial.index)));
        let state = AttemptState::Exited(self.exited(trial, now));
        lifecycle::observe(job, trial, &state, &self.reported(report), now)
    }

    fn exited(&self, trial: &Trial, now: Timestamp) -> Exited {
        let began = trial.attempt_started.unwrap_or(now);
        Exited {
            run: Run {
                is_new: false,
                created: began,
                started: Some(began),
            },
            finished: Some(now),
            exit: self.exit.map_or(Exit::Code(-1), |(exit, _)| exit),
            interrupted: None,
        }
    }

    /// What was said beside the points of the curve, which are recorded as they come.
    fn reported(&self, report: Result<Option<TrialReport>, String>) -> Reported {
        let objective = &self.objective;
        let of_report = match &report {
            Ok(None) => None,
            Ok(Some(report)) => report.why_not(objective),
            Err(why) => Some(why.clone()),
        };
        let of_source = self.unread.clone().or_else(|| self.heard.unread.clone());
        let behind = |why: Option<String>| why.map_or_else(String::new, |why| format!(" ({why})"));
        let looked_in = format!(
            "neither in {}{} nor in report.json{}",
            self.source,
            behind(of_source),
            behind(of_report)
        );
        Reported {
            metrics: self.heard.metrics.clone(),
            progress: self.progress(),
            report: report.ok().flatten().map(|r| final_report(r, objective)),
            last_words: (!self.last_line.is_empty()).then(|| self.last_line.clone()),
            looked_in,
            last_read: self.read,
            is_outdated: self.heard.is_outdated(),
            ..Reported::default()
        }
    }
}

/// Reads `report.json` of a trial's folder, if there is one; the error says why it can't be read.
fn read_report(trial_dir: &Path) -> Result<Option<TrialReport>, String> {
    let mut bytes = Vec::new();
    // Whatever is longer is no report, and is not read to its end.
    let read = File::open(trial_dir.join("report.json")).and_then(|file| {
        file.take(TrialReport::MAX_BYTES as u64 + 1)
            .read_to_end(&mut bytes)
    });
    match read {
        Ok(_) => TrialReport::parse(&String::from_utf8_lossy(&bytes)).map(Some),
        Err(fault) if fault.kind() == ErrorKind::NotFound => Ok(None),
        Err(fault) => Err(format!("it can't be read: {fault}")),
    }
}

/// Removes what an earlier attempt left.
fn forget_report(trial_dir: &Path) {
    let _ = std::fs::remove_file(trial_dir.join("report.json"));
}
