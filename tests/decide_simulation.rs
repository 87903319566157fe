//! `decide` in a simulated world: trials crash, hang, lag and succeed, shells die between any two actions, and news arrive
//! in any order. Whatever happens, the job ends, stays ended, and never spends more than it may.

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use std::collections::BTreeMap;
use tuning_operator::optimizer::{Goal, Strategy as Search};
use tuning_operator::space::{Domain, Parameter, Scale, SearchSpace};
use tuning_operator::tuning::{
    Action, Budget, Counts, CurvePoint, Failure, Job, MedianStop, Objective, Phase, Plan, Snapshot,
    StopReason, Trial, decide,
};

/// What a world does by chance; each number is a chance in 100.
#[derive(Clone, Copy, Debug)]
struct Weather {
    crash: u32,
    preempt: u32,
    hang: u32,
    shell_dies: u32,
}

/// A world with one job. Its shell keeps nothing but the snapshot, as a cluster's would.
struct World {
    snapshot: Snapshot,
    now: Timestamp,
    chance: u64,
    weather: Weather,
    running: BTreeMap<u32, u32>,
    stopping: BTreeMap<u32, StopReason>,
    most_at_once: usize,
}

impl World {
    fn new(job: Job, seed: u64, weather: Weather) -> Self {
        let snapshot = Snapshot {
            job,
            trials: vec![],
            active: SignedDuration::ZERO,
            ended: None,
        };
        let now = "2026-01-01T00:00:00Z".parse().unwrap();
        let (running, stopping) = (BTreeMap::new(), BTreeMap::new());
        Self {
            snapshot,
            now,
            chance: seed,
            weather,
            running,
            stopping,
            most_at_once: 0,
        }
    }

    /// SplitMix64.
    fn roll(&mut self) -> u64 {
        self.chance = self.chance.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.chance ^ (self.chance >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn happens(&mut self, percent: u32) -> bool {
        self.roll() % 100 < u64::from(percent)
    }

    fn trial(&mut self, index: u32) -> &mut Trial {
        self.snapshot
            .trials
            .iter_mut()
            .find(|t| t.index == index)
            .expect("a trial that exists")
    }

    /// Decides and applies; the shell may die after any action.
    fn reconcile(&mut self) -> Plan {
        let plan = decide(&self.snapshot, self.now);
        for action in &plan.actions {
            self.apply(action);
            if self.happens(self.weather.shell_dies) {
                break;
            }
        }
        plan
    }

    fn apply(&mut self, action: &Action) {
        let now = self.now;
        match action {
            Action::Create {
                first_index,
                proposals,
            } => {
                for (index, p) in (*first_index..).zip(proposals) {
                    assert!(
                        self.snapshot.trials.iter().all(|t| t.index != index),
                        "trial {index} created twice"
                    );
                    self.snapshot.trials.push(Trial::new(
                        index,
                        p.point.clone(),
                        p.resource,
                        p.why.clone(),
                        now,
                    ));
                }
            }
            Action::Start { index } => {
                let trial = self.trial(*index);
                assert_eq!(trial.phase, Phase::Queued, "only what waits is started");
                trial.phase = Phase::Running;
                trial.attempts += 1;
                trial.started.get_or_insert(now);
                trial.attempt_started = Some(now);
                self.running.insert(*index, 0);
                self.most_at_once = self.most_at_once.max(self.running.len());
            }
            Action::Stop { index, reason } => {
                if self.running.contains_key(index) {
                    self.stopping.insert(*index, reason.clone());
                } else {
                    assert_eq!(
                        *reason,
                        StopReason::JobEnded,
                        "nothing else stops a trial that does not run"
                    );
                    self.end(*index, Phase::Cancelled, None);
                }
            }
            Action::ShadowStop { index, step, .. } => self.trial(*index).shadow_stop = Some(*step),
            Action::End(ended) => {
                assert!(self.snapshot.ended.is_none(), "a job ends once");
                self.snapshot.ended = Some(ended.clone());
            }
        }
    }

    fn end(&mut self, index: u32, phase: Phase, value: Option<f64>) {
        let now = self.now;
        self.running.remove(&index);
        self.stopping.remove(&index);
        let trial = self.trial(index);
        assert!(!trial.phase.is_final(), "a trial ends once");
        if let Some(start) = trial.attempt_started.take() {
            trial.ran += now.duration_since(start);
        }
        trial.phase = phase;
        trial.value = value;
        trial.ended = Some(now);
    }

    /// A minute passes, and something happens to one trial that runs.
    fn minute(&mut self) {
        self.now += SignedDuration::from_mins(1);
        self.snapshot.active += SignedDuration::from_mins(1);
        let running: Vec<u32> = self.running.keys().copied().collect();
        for index in running {
            self.one_trial(index);
        }
    }

    fn one_trial(&mut self, index: u32) {
        if let Some(reason) = self.stopping.get(&index).cloned() {
            let last = self.trial(index).last().map(|p| p.value);
            return match reason {
                StopReason::LagsBehind { .. } => self.end(index, Phase::EarlyStopped, last),
                StopReason::TimedOut => self.end(index, Phase::Failed(Failure::TimedOut), None),
                StopReason::JobEnded => self.end(index, Phase::Cancelled, None),
                StopReason::Suspended => self.requeue(index),
            };
        }
        if self.happens(self.weather.crash) {
            return self.end(index, Phase::Failed(Failure::Crashed), None);
        }
        if self.happens(self.weather.preempt) {
            return self.requeue(index);
        }
        if self.happens(self.weather.hang) {
            return;
        }
        let value = (self.roll() % 1000) as f64 / 1000.0;
        let steps = self.running.entry(index).or_default();
        *steps += 1;
        let step = *steps;
        self.trial(index).curve.push(CurvePoint {
            step: u64::from(step),
            value,
        });
        if step >= 4 {
            self.end(index, Phase::Succeeded, Some(value));
        }
    }

    fn requeue(&mut self, index: u32) {
        let now = self.now;
        self.running.remove(&index);
        self.stopping.remove(&index);
        let trial = self.trial(index);
        trial.phase = Phase::Queued;
        trial.curve.clear();
        if let Some(start) = trial.attempt_started.take() {
            trial.ran += now.duration_since(start);
        }
    }

    fn check(&self, before: &Snapshot) {
        let budget = &self.snapshot.job.budget;
        let counts = Counts::of(&self.snapshot.trials);
        assert!(
            counts.spent() <= budget.max_trials,
            "{counts:?} exceed the budget of {}",
            budget.max_trials
        );
        assert!(
            self.most_at_once <= budget.parallel as usize,
            "{} at once",
            self.most_at_once
        );
        for old in &before.trials {
            let new = self
                .snapshot
                .trials
                .iter()
                .find(|t| t.index == old.index)
                .expect("no trial is lost");
            assert_eq!(new.point, old.point, "a trial never moves");
            if old.phase.is_final() {
                assert_eq!(new.phase, old.phase, "what has ended stays ended");
            }
        }
        if before.ended.is_some() {
            assert_eq!(self.snapshot.ended, before.ended, "a job that ended stays ended");
            assert_eq!(
                self.snapshot.trials.len(),
                before.trials.len(),
                "nothing new after the end"
            );
        }
    }
}

fn job(search: Search, max_trials: u32, parallel: u32, weather: Weather, shadow: bool) -> Job {
    let domain = Domain::Double {
        min: 1e-6,
        max: 1e-3,
        scale: Scale::Log,
    };
    let kind = Domain::Categorical {
        values: vec!["a".into(), "b".into()],
    };
    let space = vec![
        Parameter::new("lr", domain).unwrap(),
        Parameter::new("kind", kind).unwrap(),
    ];
    let minutes = SignedDuration::from_mins;
    Job {
        name: "sim".into(),
        space: SearchSpace::new(space).unwrap(),
        objective: Objective {
            metric: "f1".into(),
            goal: Goal::Maximize,
            target: Some(0.999),
        },
        strategy: search,
        seed: 7,
        budget: Budget {
            max_trials,
            parallel,
            max_failed: Some(max_trials / 2),
            max_duration: Some(minutes(2000)),
            // A world in which trials may hang must have a limit for them.
            max_trial_duration: (weather.hang > 0).then(|| minutes(60)),
            max_without_improvement: None,
            max_gpu_hours: Some(500.0),
        },
        early_stopping: Some(MedianStop {
            min_completed: 3,
            start_step: 2,
            shadow,
        }),
        prior: vec![],
        suspend: false,
        gpus_per_trial: 1,
    }
}

fn weather() -> impl Strategy<Value = Weather> {
    (0..40u32, 0..30u32, 0..30u32, 0..50u32).prop_map(|(crash, preempt, hang, shell_dies)| Weather {
        crash,
        preempt,
        hang,
        shell_dies,
    })
}

fn search() -> impl Strategy<Value = Search> {
    prop_oneof![
        Just(Search::Random),
        Just(Search::Sobol),
        Just(Search::Bayesian),
        Just(Search::Grid { points_per_double: 5 }),
        Just(Search::Hyperband {
            min_resource: 1,
            max_resource: 9,
            eta: 3
        }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, max_shrink_iters: 100, ..ProptestConfig::default() })]

    #[test]
    fn every_world_ends_within_its_budget(
        search in search(), weather in weather(), seed: u64, max in 1..25u32, parallel in 1..5u32, shadow: bool,
    ) {
        let mut world = World::new(job(search, max, parallel, weather, shadow), seed, weather);
        for _ in 0..5000 {
            let before = world.snapshot.clone();
            world.reconcile();
            world.check(&before);
            if world.snapshot.ended.is_some() && world.running.is_empty() && Counts::of(&world.snapshot.trials).active() == 0 {
                break;
            }
            world.minute();
        }
        prop_assert!(world.snapshot.ended.is_some(), "after 5000 minutes: {:?}", Counts::of(&world.snapshot.trials));
        let plan = decide(&world.snapshot, world.now);
        prop_assert!(plan.actions.is_empty(), "a job at rest has nothing to do: {:?}", plan.actions);
    }

    #[test]
    fn deciding_again_right_after_applying_adds_nothing(seed: u64, weather in weather(), steps in 1..40usize) {
        let calm = Weather { shell_dies: 0, ..weather };
        let mut world = World::new(job(Search::Random, 20, 3, calm, false), seed, calm);
        for _ in 0..steps {
            // Create leads to Start; then there is nothing left but to stop what is being stopped.
            for _ in 0..3 {
                world.reconcile();
            }
            let plan = decide(&world.snapshot, world.now);
            let new = plan.actions.iter().any(|a| !matches!(a, Action::Stop { .. } | Action::ShadowStop { .. }));
            prop_assert!(!new, "{:?}", plan.actions);
            world.minute();
        }
    }

    #[test]
    fn a_plan_does_not_depend_on_when_it_is_made(seed: u64, steps in 1..20usize) {
        let calm = Weather { crash: 10, preempt: 10, hang: 0, shell_dies: 0 };
        let mut world = World::new(job(Search::Bayesian, 12, 3, calm, false), seed, calm);
        for _ in 0..steps {
            let proposals = |plan: &Plan| plan.actions.iter().filter(|a| matches!(a, Action::Create { .. })).cloned().collect::<Vec<_>>();
            let now = decide(&world.snapshot, world.now);
            let later = decide(&world.snapshot, world.now + SignedDuration::from_secs(7));
            prop_assert_eq!(proposals(&now), proposals(&later));
            world.reconcile();
            world.minute();
        }
    }
}

#[test]
fn suspended_trials_wait_and_go_on() {
    let calm = Weather {
        crash: 0,
        preempt: 0,
        hang: 0,
        shell_dies: 0,
    };
    let mut world = World::new(job(Search::Random, 6, 2, calm, false), 1, calm);
    world.reconcile();
    world.reconcile();
    assert_eq!(world.running.len(), 2);
    world.snapshot.job.suspend = true;
    world.reconcile();
    world.minute();
    world.reconcile();
    let counts = Counts::of(&world.snapshot.trials);
    assert_eq!((counts.queued, counts.running), (2, 0), "both wait");
    world.snapshot.job.suspend = false;
    world.reconcile();
    assert_eq!(world.running.len(), 2, "both go on, and nothing new was started");
    assert_eq!(world.snapshot.trials.len(), 2);
}
