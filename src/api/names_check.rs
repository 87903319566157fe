//! Names that a program could not tell apart: each parameter is told as `TUNING_PARAM_NAME`, in capitals.

use super::fault::Fault;
use super::schema::section;
use super::spec::StrategySpec;
use serde_json::Value;

/// Adds a fault for every name whose variable is another's already; what a strategy rations is told like a parameter.
pub(super) fn check_names(spec: &Value, faults: &mut Vec<Fault>) {
    let list = spec["parameters"].as_array().into_iter().flatten().enumerate();
    let mut names: Vec<(String, String)> = list
        .filter_map(|(i, entry)| {
            Some((
                format!("spec.parameters[{i}].name"),
                entry["name"].as_str()?.to_owned(),
            ))
        })
        .collect();
    let strategy = section::<StrategySpec>(spec, "strategy");
    let rationed = strategy.as_ref().and_then(StrategySpec::rationed);
    let n_parameters = names.len();
    names.extend(rationed.map(|(word, rationed)| {
        let path = format!("spec.strategy.{word}.resource");
        (path, rationed.resource.clone())
    }));
    for (i, (path, name)) in names.iter().enumerate() {
        let is_other = i >= n_parameters;
        let shares = |(_, earlier): &&(String, String)| {
            // Of two parameters with the same name this is said already.
            earlier.to_uppercase() == name.to_uppercase() && (is_other || earlier != name)
        };
        if let Some((place, earlier)) = names[..i].iter().find(shares) {
            let variable = name.to_uppercase();
            let message = format!(
                "{name:?} would be told in the same variable as {earlier:?} ({place}), TUNING_PARAM_{variable}: \
                 give one of them a name that differs in more than capitals"
            );
            faults.push(Fault::new(path.clone(), message));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn faults(names: &[&str], rationed: Option<(&str, &str)>) -> Vec<String> {
        let parameters: Vec<Value> = names.iter().map(|name| json!({"name": name})).collect();
        let mut spec = json!({"parameters": parameters});
        if let Some((strategy, name)) = rationed {
            spec["strategy"] = json!({strategy: {"resource": name, "maxResource": 9}});
        }
        let mut faults = Vec::new();
        check_names(&spec, &mut faults);
        faults.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn names_that_share_a_variable_are_refused_with_both_names() {
        let found = faults(&["lr", "epochs", "LR"], None);
        assert_eq!(found.len(), 1);
        assert!(
            found[0]
                .starts_with("spec.parameters[2].name: \"LR\" would be told in the same variable as \"lr\"")
                && found[0].contains("(spec.parameters[0].name), TUNING_PARAM_LR:"),
            "{}",
            found[0]
        );
        for (strategy, resource) in [
            ("hyperband", "epochs"),
            ("hyperband", "Epochs"),
            ("asha", "epochs"),
        ] {
            let found = faults(&["lr", "epochs"], Some((strategy, resource)));
            assert!(
                found[0].starts_with(&format!("spec.strategy.{strategy}.resource: {resource:?}")),
                "{found:?}"
            );
        }
        assert_eq!(faults(&["lr", "lr_decay"], Some(("asha", "epochs"))), [""; 0]);
        assert_eq!(faults(&["lr", "lr"], None), [""; 0], "that is another fault");
    }
}
