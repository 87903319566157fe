//! Which lengths of examples are beyond what a checkpoint has learned? Only who can read its folder knows how much that is.

use super::bert_parameters::numbers;
use super::bert_spec::BertSpec;
use super::fault::Fault;
use crate::space::SearchSpace;

/// A fault for each length, fixed or tuned, for which a checkpoint with so many positions has no place.
pub fn beyond_positions(bert: &BertSpec, space: &SearchSpace, n_positions: u32) -> Vec<Fault> {
    let cure = format!(
        "the {n_positions} positions of the checkpoint (max_position_embeddings in {}/config.json): choose at most \
         {n_positions}",
        bert.model.trim_end_matches('/')
    );
    let fixed = "spec.trial.bert.maxLength";
    let mut parameters = space.parameters().iter().enumerate();
    if let Some((i, parameter)) = parameters.find(|(_, p)| p.name() == "max_length") {
        let ends = numbers(parameter.domain()).into_iter();
        let beyond = ends.filter(|(.., length)| *length > f64::from(n_positions));
        let fault = |(field, text, _): (String, String, f64)| {
            Fault::new(
                format!("spec.parameters[{i}].{field}"),
                format!("{text} is more than {cure}"),
            )
        };
        return beyond.map(fault).collect();
    }
    let usual = bert.task.usual_length();
    let message = match bert.max_length {
        Some(length) if length > n_positions => format!("{length} is more than {cure}"),
        None if usual > n_positions => {
            format!(
                "is missing, and the {usual} tokens that {} takes are more than {cure}",
                bert.task.word()
            )
        }
        _ => return Vec::new(),
    };
    vec![Fault::new(fixed, message)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::Task;
    use crate::space::{Domain, Parameter, Scale};
    use serde_json::json;

    fn faults(task: Task, fixed: Option<u32>, tuned: Option<Domain>) -> Vec<String> {
        let bert = json!({"task": task, "model": "models/small/", "data": "data", "maxLength": fixed});
        let bert: BertSpec = serde_json::from_value(bert).unwrap();
        let (scale, rate) = (Scale::Log, "learning_rate");
        let rate = Parameter::new(
            rate,
            Domain::Double {
                min: 1e-6,
                max: 1e-3,
                scale,
            },
        );
        let tuned = tuned.map(|domain| Parameter::new("max_length", domain).unwrap());
        let space = SearchSpace::new([rate.unwrap()].into_iter().chain(tuned).collect()).unwrap();
        let found = beyond_positions(&bert, &space, 256);
        found.iter().map(ToString::to_string).collect()
    }

    const CURE: &str = "the 256 positions of the checkpoint (max_position_embeddings in models/small/config.json): \
                        choose at most 256";

    #[test]
    fn a_length_that_is_fixed_is_named_with_the_limit_and_the_cure() {
        let expected = format!("spec.trial.bert.maxLength: 257 is more than {CURE}");
        assert_eq!(faults(Task::Mrpc, Some(257), None), [expected]);
        for (task, fixed) in [
            (Task::Mrpc, Some(256)),
            (Task::Mrpc, None),
            (Task::Squad, Some(100)),
        ] {
            assert_eq!(faults(task, fixed, None), [""; 0]);
        }
        let usual = faults(Task::Squad, None, None);
        assert_eq!(
            usual,
            [format!(
                "spec.trial.bert.maxLength: is missing, and the 384 tokens that squad takes are more than {CURE}"
            )]
        );
    }

    #[test]
    fn each_value_that_is_tuned_is_looked_at_and_the_fixed_one_is_not_used_then() {
        let range = Domain::Integer {
            min: 64,
            max: 512,
            step: 1,
            scale: Scale::Linear,
        };
        assert_eq!(
            faults(Task::Mrpc, Some(1024), Some(range)),
            [format!("spec.parameters[1].integer.max: 512 is more than {CURE}")]
        );
        let listed = Domain::Discrete {
            values: vec![128.0, 256.0, 384.0],
        };
        assert_eq!(
            faults(Task::Mrpc, None, Some(listed)),
            [format!(
                "spec.parameters[1].discrete.values[2]: 384 is more than {CURE}"
            )]
        );
    }
}
