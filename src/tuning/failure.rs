//! What does a trial's end mean?

use super::Failure;

/// What a shell saw of the end of a trial.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Ending {
    /// How its process ended.
    pub(super) exit: Exit,
    /// The final value of the objective, if the trial said one; it may be NaN.
    pub(super) value: Option<f64>,
    /// The trial's own last sentence about its failure, if it left one.
    pub(super) last_words: Option<String>,
    /// Name of the objective and where it was looked for, for the message when it is missing.
    pub(super) looked_for: String,
}

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// With this exit code.
    Code(i32),
    /// By this signal.
    Signal(i32),
    /// Killed because the host had no memory left.
    OutOfMemory,
    /// It never began: the node could not start the program.
    NotStarted,
}

/// What that makes of the trial, or of the job.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Verdict {
    /// The trial has a value.
    Succeeded(f64),
    /// The trial failed; the optimizer learns to stay away.
    Failed(Failure, String),
    /// The node would not run it: another may.
    NodeTrouble(String),
    /// No trial would fare better: the whole job stops with this sentence.
    Halt(String),
}

/// Exit codes by which a trial says that its configuration or data is bad.
const BAD_CONFIGURATION: std::ops::RangeInclusive<i32> = 42..=49;
/// The one among them by which it says that its device is not there or does not work: that is the node's fault.
const BROKEN_DEVICE: i32 = 48;
/// Exit code by which a trial says that its loss is no longer a number.
const DIVERGED: i32 = 3;
/// Exit code by which a trial says that the device has no memory left.
const OUT_OF_MEMORY: i32 = 4;

const SIGKILL: i32 = 9;

/// Judges the end of a trial that nobody had asked to stop.
pub(super) fn judge(ending: &Ending) -> Verdict {
    let said = |fallback: String| ending.last_words.clone().unwrap_or(fallback);
    match ending.exit {
        Exit::Code(0) => match ending.value {
            Some(v) if v.is_finite() => Verdict::Succeeded(v),
            Some(v) => Verdict::Failed(Failure::Diverged, format!("its final value is {v}")),
            None => Verdict::Failed(
                Failure::MetricMissing,
                format!("it ended well but said no {}", ending.looked_for),
            ),
        },
        Exit::Code(BROKEN_DEVICE) => {
            Verdict::NodeTrouble(said("it found no device that works (exit code 48)".into()))
        }
        Exit::Code(code) if BAD_CONFIGURATION.contains(&code) => Verdict::Halt(said(format!(
            "it refused its configuration or data with exit code {code}"
        ))),
        Exit::Code(DIVERGED) => Verdict::Failed(Failure::Diverged, said("its loss is not a number".into())),
        Exit::Code(OUT_OF_MEMORY) => {
            Verdict::Failed(Failure::OutOfMemory, said("no device memory left".into()))
        }
        Exit::Code(code) => {
            let tail = ending
                .last_words
                .as_ref()
                .map(|s| format!(": {s}"))
                .unwrap_or_default();
            Verdict::Failed(Failure::Crashed, format!("exit code {code}{tail}"))
        }
        Exit::OutOfMemory => {
            Verdict::Failed(Failure::OutOfMemory, "killed: no memory left on the host".into())
        }
        Exit::Signal(SIGKILL) => Verdict::Failed(
            Failure::Crashed,
            "killed by signal 9: by a person, or for want of memory".into(),
        ),
        Exit::Signal(signal) => Verdict::Failed(Failure::Crashed, format!("killed by signal {signal}")),
        Exit::NotStarted => Verdict::NodeTrouble(said("its program could not be started".into())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ending(exit: Exit, value: Option<f64>) -> Ending {
        Ending {
            exit,
            value,
            last_words: Some("vocab.txt is missing".into()),
            looked_for: "f1 in its log".into(),
        }
    }

    #[test]
    fn every_line_of_the_table() {
        use Failure::*;
        let failure = |exit, value| match judge(&ending(exit, value)) {
            Verdict::Failed(failure, _) => failure,
            other => panic!("{other:?}"),
        };
        assert_eq!(judge(&ending(Exit::Code(0), Some(0.9))), Verdict::Succeeded(0.9));
        assert_eq!(failure(Exit::Code(0), Some(f64::NAN)), Diverged);
        assert_eq!(failure(Exit::Code(0), None), MetricMissing);
        assert_eq!(failure(Exit::Code(1), Some(0.9)), Crashed);
        assert_eq!(failure(Exit::Code(DIVERGED), None), Diverged);
        assert_eq!(failure(Exit::Code(OUT_OF_MEMORY), None), OutOfMemory);
        assert_eq!(failure(Exit::OutOfMemory, None), OutOfMemory);
        assert_eq!(failure(Exit::Signal(11), None), Crashed);
        for node in [Exit::Code(BROKEN_DEVICE), Exit::NotStarted] {
            let verdict = judge(&ending(node, Some(0.9)));
            assert_eq!(verdict, Verdict::NodeTrouble("vocab.txt is missing".into()));
        }
        for code in BAD_CONFIGURATION.filter(|code| *code != BROKEN_DEVICE) {
            assert_eq!(
                judge(&ending(Exit::Code(code), None)),
                Verdict::Halt("vocab.txt is missing".into())
            );
        }
    }

    #[test]
    fn a_missing_metric_says_what_was_looked_for() {
        let Verdict::Failed(_, message) = judge(&ending(Exit::Code(0), None)) else {
            panic!()
        };
        assert_eq!(message, "it ended well but said no f1 in its log");
    }
}
