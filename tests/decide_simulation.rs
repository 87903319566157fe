//! `decide` and the life of a trial in a simulated world: trials crash, hang, lag, are refused and succeed, shells die between
//! any two steps, and news arrive in any order. Whatever happens, the job ends, stays ended, and never spends more than it may.

#[path = "common/world.rs"]
mod world;

use jiff::SignedDuration;
use proptest::prelude::*;
use tuning_operator::optimizer::{Goal, Strategy as Search};
use tuning_operator::space::{Domain, Parameter, Scale, SearchSpace};
use tuning_operator::tuning::{Action, Budget, Counts, Job, MedianStop, Objective, Plan, Question, decide};
use world::{Weather, World};

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
            value: tuning_operator::tuning::ValueRule::Last,
        },
        strategy: search,
        start: vec![],
        replicates: 0,
        seed: 7,
        budget: Budget {
            max_trials,
            parallel,
            max_failed: Some(max_trials / 2),
            max_duration: Some(minutes(2000)),
            // A world in which trials may hang must have a limit for them.
            max_trial_duration: (weather.hang > 0).then(|| minutes(60)),
            max_without_improvement: None,
            end_when_converged: false,
            max_gpu_hours: Some(500.0),
        },
        retry: Default::default(),
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
    let chances = (0..40u32, 0..30u32, 0..30u32, 0..40u32, 0..50u32, any::<bool>());
    chances.prop_map(
        |(crash, preempt, hang, refuse, shell_dies, asks_politely)| Weather {
            crash,
            preempt,
            hang,
            refuse,
            shell_dies,
            asks_politely,
        },
    )
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
        Just(Search::Asha {
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
            world.pass();
            world.check(&before);
            if world.is_at_rest() {
                break;
            }
            world.help();
            world.minute();
        }
        prop_assert!(world.snapshot.ended.is_some(), "after 5000 minutes: {:?}", Counts::of(&world.snapshot.trials));
        let plan = world.plan();
        prop_assert!(plan.actions.is_empty(), "a job at rest has nothing to do: {:?}", plan.actions);
    }

    #[test]
    fn every_proposal_is_made_again_from_the_trials_that_it_knew(seed: u64, weather in weather(), search in search(), parallel in 1..5u32) {
        let mut world = World::new(job(search, 18, parallel, weather, false), seed, weather);
        for _ in 0..400 {
            world.pass();
            world.minute();
        }
        prop_assert!(!world.snapshot.trials.is_empty());
        for trial in &world.snapshot.trials {
            // Nobody starts over a trial that has ended, in this world.
            let question = Question::again(&world.snapshot, trial).expect("what it knew is recorded");
            let again = question.propose();
            prop_assert_eq!(again.len(), 1);
            prop_assert_eq!((&again[0].point, again[0].resource, &again[0].why), (&trial.point, trial.resource, &trial.why));
        }
    }

    #[test]
    fn deciding_again_right_after_applying_adds_nothing(seed: u64, weather in weather(), steps in 1..40usize) {
        let calm = Weather { shell_dies: 0, ..weather };
        let mut world = World::new(job(Search::Random, 20, 3, calm, false), seed, calm);
        for _ in 0..steps {
            // Create leads to Start; then there is nothing left but to stop what is being stopped.
            for _ in 0..4 {
                world.pass();
            }
            let plan = world.plan();
            let new = plan.actions.iter().any(|a| !matches!(a, Action::Stop { .. } | Action::ShadowStop { .. }));
            prop_assert!(!new, "{:?}", plan.actions);
            world.minute();
        }
    }

    #[test]
    fn a_plan_does_not_depend_on_when_it_is_made(seed: u64, steps in 1..20usize) {
        let calm = Weather { crash: 10, preempt: 10, ..Weather::CALM };
        let mut world = World::new(job(Search::Bayesian, 12, 3, calm, false), seed, calm);
        for _ in 0..steps {
            let proposals = |plan: &Plan| plan.actions.iter().filter(|a| matches!(a, Action::Create { .. })).cloned().collect::<Vec<_>>();
            let now = decide(&world.snapshot, world.now);
            let later = decide(&world.snapshot, world.now + SignedDuration::from_secs(7));
            prop_assert_eq!(proposals(&now), proposals(&later));
            world.pass();
            world.minute();
        }
    }
}

#[test]
fn suspended_trials_wait_and_go_on() {
    let calm = Weather::CALM;
    let mut world = World::new(job(Search::Random, 6, 2, calm, false), 1, calm);
    world.pass();
    world.pass();
    assert_eq!(world.n_running(), 2);
    world.snapshot.job.suspend = true;
    world.pass();
    world.minute();
    world.pass();
    let counts = Counts::of(&world.snapshot.trials);
    assert_eq!((counts.queued, counts.running), (2, 0), "both wait");
    world.snapshot.job.suspend = false;
    world.pass();
    assert_eq!(world.n_running(), 2, "both go on, and nothing new was started");
    assert_eq!(world.snapshot.trials.len(), 2);
}
