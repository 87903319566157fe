//! Taking up a run: a new one, or one that was interrupted.

use super::event::{Event, Happening};
use super::journal::{Journal, JournalError};
use super::ledger::Ledger;
use super::mending::{self, Mended};
use super::{Gpus, RunDir, checkpoint, orphans, prior, process, run_dir};
use crate::api::{self, Checked, Fault, PrometheusSpec, TuningJobSpec};
use crate::tuning::Phase;
use jiff::Timestamp;
use std::io;
use std::path::{Path, PathBuf};

/// A run that this process has taken up; nobody else can.
#[derive(Debug)]
pub struct Session {
    /// The state of the run.
    pub ledger: Ledger,
    /// Where its folder is.
    pub dir: RunDir,
    /// The manifest's folder, to which its paths are relative.
    pub base: PathBuf,
    /// The built-in fine-tuner.
    pub trainer: PathBuf,
    /// What trials compute on beside processors; none, where nobody says.
    pub gpus: Gpus,
    pub(super) journal: Journal,
}

/// Why a run can't be taken up.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// The manifest is wrong, or differs in what may not change.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
    Faults(Vec<Fault>),
    /// The journal can't be used.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The file system refused.
    #[error("{0}: {1}")]
    Io(PathBuf, io::Error),
}

impl From<Vec<Fault>> for Refusal {
    fn from(faults: Vec<Fault>) -> Self {
        Self::Faults(faults)
    }
}

/// What a manifest asks for that has no effect on one machine, a sentence each.
pub fn notices(spec: &TuningJobSpec) -> Vec<String> {
    let trial = &spec.trial;
    let pods = "it is for pods";
    let fields = [
        (
            trial.resources.is_some(),
            "trial.resources",
            "pods ask for it, a process takes what is there; but NVIDIA GPUs are shared out by it",
        ),
        (
            !trial.volumes.is_empty(),
            "trial.volumes",
            "paths are this machine's",
        ),
        (
            trial.checkpoint_volume.is_some(),
            "trial.checkpointVolume",
            "checkpoints are in the run's folder",
        ),
        (trial.affinity.is_some(), "trial.affinity", pods),
        (!trial.node_selector.is_empty(), "trial.nodeSelector", pods),
        (!trial.tolerations.is_empty(), "trial.tolerations", pods),
        (
            !trial.image_pull_secrets.is_empty(),
            "trial.imagePullSecrets",
            pods,
        ),
        (
            trial.service_account_name.is_some(),
            "trial.serviceAccountName",
            pods,
        ),
        (trial.runtime_class_name.is_some(), "trial.runtimeClassName", pods),
        (
            trial.priority_class_name.is_some(),
            "trial.priorityClassName",
            pods,
        ),
        (trial.queue_name.is_some(), "trial.queueName", pods),
        (
            trial.bert.as_ref().is_some_and(|b| b.image.is_some()),
            "trial.bert.image",
            "the program runs without an image",
        ),
    ];
    let fields = fields.into_iter().chain(of_the_job(spec));
    let set = fields.filter(|(set, ..)| *set);
    set.map(|(_, field, why)| format!("spec.{field} has no effect on one machine: {why}"))
        .collect()
}

/// Fields of the job itself without effect: whether they are set, and why they have none.
fn of_the_job(spec: &TuningJobSpec) -> [(bool, &'static str, &'static str); 3] {
    let endpoint = spec
        .metrics
        .as_ref()
        .and_then(|metrics| metrics.prometheus.as_ref());
    let usual = PrometheusSpec::default().port;
    [
        (spec.retain.is_some(), "retain", "the run's folder stays whole"),
        (
            spec.ttl_seconds_after_finished.is_some(),
            "ttlSecondsAfterFinished",
            "the run's folder stays",
        ),
        (
            endpoint.is_some_and(|endpoint| endpoint.port != usual),
            "metrics.prometheus.port",
            "each trial is told a free port in TUNING_METRICS_PORT",
        ),
    ]
}

/// What only one machine refuses; `base` is the folder to which the manifest's paths are relative.
pub fn refused_here(checked: &Checked, base: &Path, on_host: bool) -> Vec<Fault> {
    let spec = &checked.spec;
    let trial = &spec.trial;
    if spec.metrics.as_ref().is_some_and(|m| m.prom_query.is_some()) {
        return vec![Fault::new(
            "spec.metrics.promQuery",
            "one machine has no Prometheus server that knows its trials: use prometheus or logs here",
        )];
    }
    if trial.sagemaker.is_some() {
        return vec![Fault::new(
            "spec.trial.sagemaker",
            "images run on a cluster: use trial.command here, with the program that the image would run",
        )];
    }
    let unknown = api::unknown_on_one_machine(trial);
    if !unknown.is_empty() {
        return unknown;
    }
    match &trial.container {
        Some(_) if !on_host => vec![Fault::new(
            "spec.trial.container",
            "images run on a cluster: use trial.command here, or --on-host to run its command without the image",
        )],
        Some(c) if c.command.is_empty() => {
            vec![Fault::new(
                "spec.trial.container.command",
                "is empty: without the image its entry point is unknown",
            )]
        }
        _ => checkpoint::refused(checked, base),
    }
}

/// Takes up the run in `dir`: begins it, or goes on where it was.
///
/// `notes` are sentences for the report.
pub fn open(
    checked: Checked,
    dir: RunDir,
    base: PathBuf,
    trainer: PathBuf,
    notes: Vec<String>,
) -> Result<Session, Refusal> {
    let io = |path: &Path| {
        let path = path.to_owned();
        move |e| Refusal::Io(path, e)
    };
    std::fs::create_dir_all(dir.root().join("trials")).map_err(io(dir.root()))?;
    let (journal, events) = Journal::open(&dir.journal())?;
    let now = Timestamp::now();
    let recorded = Ledger::of(&events)?;
    let is_new = recorded.is_none();
    let ledger = recorded.unwrap_or_else(|| Ledger::new(checked.clone(), now));
    let mut session = Session {
        ledger,
        dir,
        base,
        trainer,
        gpus: Gpus::default(),
        journal,
    };
    session.end_leftovers();
    // Before anything is recorded: a run must not begin without what it was told to learn from.
    let learned = if is_new {
        session.warm_start(&checked)?
    } else {
        vec![]
    };
    let mended = session.take_manifest(&checked, is_new)?;
    let write = |s: &mut Session, what| {
        s.record(what)
            .map(drop)
            .map_err(|e| Refusal::Io(s.dir.journal(), e))
    };
    for record in learned {
        write(&mut session, record)?;
    }
    let reopen = session
        .ledger
        .snapshot
        .ended
        .as_ref()
        .is_some_and(|e| e.reason.waits_to_be_mended() || !mended.is_empty());
    write(
        &mut session,
        Happening::Session {
            version: env!("CARGO_PKG_VERSION").into(),
            reopen,
            notes: notes.into_iter().chain(mended).collect(),
        },
    )?;
    let text = serde_saphyr::to_string(&checked.manifest).unwrap_or_default();
    let path = session.dir.manifest();
    run_dir::write_whole(&path, text.as_bytes()).map_err(io(&path))?;
    Ok(session)
}

impl Session {
    /// Writes to the journal, then to the ledger; it is on disk when this returns, with all that was noted before.
    pub(super) fn record(&mut self, what: Happening) -> io::Result<Event> {
        let event = self.note(what)?;
        self.journal.sync()?;
        Ok(event)
    }

    /// Waits until all that was noted is on disk.
    pub(super) fn sync(&mut self) -> io::Result<()> {
        self.journal.sync()
    }

    /// The same as [`Session::record`] for what comes in numbers: nothing may follow from it before [`Session::sync`].
    pub(super) fn note(&mut self, what: Happening) -> io::Result<Event> {
        // Time never runs backwards in a journal, even where the machine's clock was set back.
        let at = Timestamp::now().max(self.ledger.last_event());
        let event = Event { at, what };
        self.journal.append(&event)?;
        // The only event that can be refused is a manifest, and manifests are checked before they are recorded.
        let _ = self.ledger.fold(&event);
        Ok(event)
    }

    fn end_leftovers(&mut self) {
        let job = &self.ledger.snapshot.job;
        for (index, pid) in std::mem::take(&mut self.ledger.processes) {
            let running = self
                .ledger
                .snapshot
                .trials
                .iter()
                .any(|t| t.index == index && t.phase == Phase::Running);
            if running {
                let name = job.trial_name(index);
                process::end_leftover(pid, &name);
                if let Ok(folder) = self.dir.whole_trial(&name) {
                    orphans::end_leftovers(&folder);
                }
            }
        }
    }

    /// Records the manifest, if it is another one; the answer are sentences on what was mended by that.
    fn take_manifest(&mut self, checked: &Checked, is_new: bool) -> Result<Vec<String>, Refusal> {
        let old = &self.ledger.checked.manifest;
        if !is_new && old["metadata"]["name"] != checked.manifest["metadata"]["name"] {
            let message = format!(
                "is {}, but the run at {} is of {}: choose another --run",
                checked.job.name,
                self.dir.root().display(),
                self.ledger.snapshot.job.name
            );
            return Err(Refusal::Faults(vec![Fault::new("metadata.name", message)]));
        }
        if !is_new && old["spec"] == checked.manifest["spec"] {
            return Ok(vec![]);
        }
        let mut mended = Mended::default();
        if !is_new {
            let refused = mending::refused(&self.ledger, checked);
            if !refused.is_empty() {
                return Err(Refusal::Faults(refused));
            }
            let mend = mending::mend(&self.ledger, checked, &self.dir);
            mended = mend.map_err(|(path, e)| Refusal::Io(path, e))?;
        }
        let what = Happening::Manifest {
            manifest: checked.manifest.clone(),
            seed: checked.job.seed,
        };
        for what in mended.happenings.into_iter().chain([what]) {
            self.record(what)
                .map_err(|e| Refusal::Io(self.dir.journal(), e))?;
        }
        Ok(mended.notes)
    }

    fn warm_start(&self, checked: &Checked) -> Result<Vec<Happening>, Refusal> {
        let names = checked.spec.warm_start.iter().flat_map(|w| &w.from);
        let mut found = Vec::new();
        for (i, name) in names.enumerate() {
            let path = format!("spec.warmStart.from[{i}]");
            let plain = !name.is_empty() && !name.contains(['/', '\\']) && name != ".." && name != ".";
            if !plain {
                return Err(vec![Fault::new(path, format!("{name:?} is not the name of a run"))].into());
            }
            if self
                .dir
                .root()
                .file_name()
                .is_some_and(|own| own == name.as_str())
            {
                return Err(vec![Fault::new(
                    path,
                    format!("{name:?} is this run itself: name an earlier one"),
                )]
                .into());
            }
            let observations = prior::observations(&self.dir.sibling(name), &checked.job, &path);
            let observations = observations.map_err(|f| Refusal::Faults(vec![f]))?;
            found.push(Happening::WarmStart {
                from: name.clone(),
                observations,
            });
        }
        Ok(found)
    }
}
