//! The points that a person wants tried first: each a point of the space, or a fault at the value that makes it none.

use super::fault::Fault;
use super::record::{Assignment, point};
use super::schema::join;
use crate::space::{Parameter, Point, SearchSpace};

const PATH: &str = "spec.strategy.bayesian.start";

/// The points, in their order; a fault for everything that is wrong with them.
pub(super) fn start_points(
    start: &[Assignment],
    space: &SearchSpace,
    max_trials: Option<u32>,
    faults: &mut Vec<Fault>,
) -> Vec<Point> {
    if let Some(max_trials) = max_trials.filter(|max| start.len() > *max as usize) {
        let message = format!(
            "has {} points, the budget {max_trials} trials, of which they are the first: raise spec.budget.maxTrials or \
             leave some out",
            start.len()
        );
        faults.push(Fault::new(PATH, message));
    }
    let mut points: Vec<Point> = Vec::new();
    for (i, assignment) in start.iter().enumerate() {
        let path = format!("{PATH}[{i}]");
        let n_before = faults.len();
        check_values(assignment, space, &path, faults);
        if faults.len() > n_before {
            continue;
        }
        let Ok(point) = point(space, assignment) else {
            continue;
        };
        match points.iter().position(|earlier| *earlier == point) {
            Some(earlier) => {
                let message = format!("is the point of {PATH}[{earlier}] again: leave it out");
                faults.push(Fault::new(path, message));
            }
            None => points.push(point),
        }
    }
    points
}

fn check_values(assignment: &Assignment, space: &SearchSpace, path: &str, faults: &mut Vec<Fault>) {
    for parameter in space.parameters() {
        let name = parameter.name();
        let here = join(path, name);
        let Some(value) = assignment.get(name) else {
            faults.push(Fault::new(
                here,
                format!("is missing: give it {}", parameter.allowed()),
            ));
            continue;
        };
        let alone = Assignment::from([(name.to_owned(), value.clone())]);
        let is_value =
            SearchSpace::new(vec![parameter.clone()]).is_ok_and(|space| point(&space, &alone).is_ok());
        if !is_value {
            faults.push(Fault::new(
                here,
                format!("{value} is not {}", parameter.allowed()),
            ));
        }
    }
    let is_known = |name: &String| space.parameters().iter().any(|p| p.name() == name);
    for name in assignment.keys().filter(|name| !is_known(name)) {
        let names: Vec<&str> = space.parameters().iter().map(Parameter::name).collect();
        let message = format!("names no parameter: there are {}", names.join(", "));
        faults.push(Fault::new(join(path, name), message));
    }
}

#[cfg(test)]
mod tests {
    use super::super::check;
    use crate::space::Value;
    use serde_json::{Value as Json, json};

    fn checked(start: Json) -> Result<Vec<Vec<Value>>, Vec<String>> {
        let manifest = json!({
            "apiVersion": "tuning-operator.io/v1alpha1", "kind": "TuningJob", "metadata": {"name": "a"},
            "spec": {
                "objective": {"metric": "f1", "goal": "Maximize"},
                "parameters": [
                    {"name": "lr", "double": {"min": 5e-6, "max": 5e-4, "scale": "Log"}},
                    {"name": "layers", "integer": {"min": 2, "max": 8, "step": 2}},
                    {"name": "batch", "discrete": {"values": [16, 32]}},
                    {"name": "optimizer", "categorical": {"values": ["adamw", "lamb"]}},
                ],
                "strategy": {"bayesian": {"start": start}},
                "budget": {"maxTrials": 2},
                "trial": {"command": ["train"]},
            },
        });
        match check(&manifest) {
            Ok(checked) => Ok(checked.job.start.into_iter().map(|point| point.0).collect()),
            Err(faults) => Err(faults.iter().map(ToString::to_string).collect()),
        }
    }

    fn good() -> Json {
        json!({"lr": 3e-5, "layers": 4, "batch": 32, "optimizer": "lamb"})
    }

    #[test]
    fn points_of_the_space_are_taken_as_they_are() {
        let expected = vec![
            Value::Double(3e-5),
            Value::Integer(4),
            Value::Double(32.0),
            Value::Text("lamb".into()),
        ];
        assert_eq!(checked(json!([good()])), Ok(vec![expected]));
        assert_eq!(checked(json!([])), Ok(vec![]));
    }

    #[test]
    fn what_is_no_point_of_the_space_is_refused_at_its_place() {
        for (name, value, says) in [
            ("lr", json!(0.1), "lr: 0.1 is not a number from 5e-6 to 5e-4"),
            ("lr", json!("3e-5"), "lr: \"3e-5\" is not a number from"),
            (
                "layers",
                json!(3),
                "layers: 3 is not a whole number from 2 to 8 in steps of 2",
            ),
            ("batch", json!(24), "batch: 24 is not one of 16, 32"),
            (
                "optimizer",
                json!("sgd"),
                "optimizer: \"sgd\" is not one of adamw, lamb",
            ),
            (
                "depth",
                json!(1),
                "depth: names no parameter: there are lr, layers, batch, optimizer",
            ),
        ] {
            let mut point = good();
            point[name] = value;
            let faults = checked(json!([good(), point])).unwrap_err();
            assert_eq!(faults.len(), 1, "{faults:?}");
            assert!(
                faults[0].starts_with("spec.strategy.bayesian.start[1]."),
                "{}",
                faults[0]
            );
            assert!(faults[0].contains(says), "{}", faults[0]);
        }
        let mut short = good();
        short.as_object_mut().unwrap().remove("batch");
        assert_eq!(
            checked(json!([short])).unwrap_err(),
            ["spec.strategy.bayesian.start[0].batch: is missing: give it one of 16, 32"]
        );
        let twice = checked(json!([good(), good()])).unwrap_err();
        assert!(
            twice[0].contains("start[1]: is the point of spec.strategy.bayesian.start[0] again"),
            "{twice:?}"
        );
        let mut other = good();
        other["layers"] = json!(2);
        let mut third = good();
        third["layers"] = json!(6);
        let many = checked(json!([good(), other, third])).unwrap_err();
        assert!(
            many[0].contains("start: has 3 points, the budget 2 trials"),
            "{many:?}"
        );
    }
}
