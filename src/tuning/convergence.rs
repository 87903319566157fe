//! Will more trials help? A job has converged where the next one is expected to gain next to nothing.
//!
//! The model says what the next trial may be expected to gain over the best that is known, noise aside (expected
//! improvement), and by how much a trial's value varies by chance. Where the first is less than a hundredth of the second,
//! nobody will see the difference: the same point tried twice differs by a hundred times as much. A hundredth, since a model
//! that has not yet seen another peak expects too little (compare Makarova et al. 2022, who end where a bound of the regret
//! falls below the noise). How often this ends a job too early is measured: docs/optimizer.md.

use super::{Counts, EndReason, Ended, Snapshot};
use crate::optimizer::{Proposal, Role};

/// The expected gain as a share of a trial's noise, below which more trials do not help.
const SHARE: f64 = 0.01;
/// Trials with a value that are needed before a model is believed in this.
const LEAST_TRIALS: u32 = 9;

/// The end of a job of which these points would be next, if it has converged.
pub(super) fn converged(snapshot: &Snapshot, counts: &Counts, proposals: &[Proposal]) -> Option<Ended> {
    let wanted = snapshot.job.budget.end_when_converged && counts.succeeded >= LEAST_TRIALS;
    let why = &proposals.first().filter(|_| wanted)?.why;
    let (gain, noise) = (why.gain?, why.noise?);
    if why.role != Role::Explore || gain >= SHARE * noise {
        return None;
    }
    let metric = &snapshot.job.objective.metric;
    Some(Ended {
        reason: EndReason::Converged,
        message: format!(
            "more trials will not help: the next one is expected to gain {gain:.1e} in {metric}, less than a hundredth of the \
             {noise:.1e} by which a trial's {metric} varies by chance"
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::optimizer::Why;
    use crate::space::{Point, Value};
    use crate::tuning::fixtures::{finished, job};
    use crate::tuning::{Phase, Snapshot};

    fn expecting(gain: f64, noise: f64) -> Vec<Proposal> {
        let (role, gain, noise) = (Role::Explore, Some(gain), Some(noise));
        vec![Proposal {
            point: Point(vec![Value::Double(0.5)]),
            resource: None,
            why: Why {
                role,
                gain,
                noise,
                ..Why::manual()
            },
        }]
    }

    fn after(n_trials: usize) -> Snapshot {
        let mut job = job();
        job.budget.end_when_converged = true;
        finished(job, &vec![(Phase::Succeeded, Some(0.5)); n_trials])
    }

    #[test]
    fn a_job_has_converged_where_chance_hides_all_that_is_expected() {
        let found = |snapshot: &Snapshot, proposals: &[Proposal]| {
            converged(snapshot, &Counts::of(&snapshot.trials), proposals)
        };
        let enough = after(9);
        let end = found(&enough, &expecting(5e-5, 6e-3)).unwrap();
        assert!(
            end.message.contains("5.0e-5") && end.message.contains("6.0e-3"),
            "{}",
            end.message
        );
        assert_eq!(
            found(&enough, &expecting(7e-5, 6e-3)),
            None,
            "more than a hundredth"
        );
        assert_eq!(
            found(&enough, &expecting(0.0, 0.0)),
            None,
            "an exact objective has no noise to hide in"
        );
        assert_eq!(found(&after(8), &expecting(5e-5, 6e-3)), None, "too few trials");
        let mut exploiting = expecting(5e-5, 6e-3);
        exploiting[0].why.role = Role::Exploit;
        assert_eq!(found(&enough, &exploiting), None);
        let mut not_asked = after(9);
        not_asked.job.budget.end_when_converged = false;
        assert_eq!(found(&not_asked, &expecting(5e-5, 6e-3)), None);
    }
}
