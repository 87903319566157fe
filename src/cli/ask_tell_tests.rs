//! Unit tests of `ask_tell`.

use super::*;

fn talk(lines: &[&str]) -> Vec<Json> {
    let mut out = Vec::new();
    run(lines.join("\n").as_bytes(), &mut out).unwrap();
    String::from_utf8(out)
        .unwrap()
        .lines()
        .map(|l| serde_json::from_str(l).unwrap())
        .collect()
}

#[test]
fn choices_come_back_as_they_were_given_and_fixed_dimensions_stay() {
    let start = r#"{"space":[{"name":"batch size","type":"categorical","choices":[8,"many",true],"ordered":false},
        {"name":"x","type":"float","low":2.0,"high":2.0},{"name":"n","type":"int","low":1,"high":3,"log":true}],
        "n":9,"parallel":3,"direction":"minimize","seed":1,"want":3}"#
        .replace('\n', " ");
    let answers = talk(&[
        &start,
        r#"{"tell":[{"id":0,"value":1.0},{"id":1,"value":null}],"want":2}"#,
    ]);
    assert_eq!(answers[0]["recommends"], true);
    let asks: Vec<&Json> = answers
        .iter()
        .flat_map(|a| a["ask"].as_array().unwrap())
        .collect();
    assert_eq!(asks.len(), 5);
    for (i, ask) in asks.iter().enumerate() {
        assert_eq!(ask["id"], i);
        assert!([json!(8), json!("many"), json!(true)].contains(&ask["params"]["batch size"]));
        assert_eq!(ask["params"]["x"], 2.0);
        assert!((1..=3).contains(&ask["params"]["n"].as_i64().unwrap()));
    }
}

#[test]
fn what_is_wrong_is_answered_and_the_dialogue_goes_on() {
    let start = r#"{"space":[{"name":"x","type":"float","low":0,"high":1}],"n":3,"parallel":1,"direction":"maximize","want":1}"#;
    let bad = start.replace("\"low\":0", "\"low\":2");
    let answers = talk(&[
        "{",
        r#"{"tell":[]}"#,
        &bad,
        start,
        r#"{"tell":[{"id":7,"value":1}],"want":1}"#,
    ]);
    let errors: Vec<&str> = answers
        .iter()
        .map(|a| a["error"].as_str().unwrap_or_default())
        .collect();
    assert!(errors[0].contains("JSON") && errors[1].contains("no run") && errors[2].contains("space: x"));
    assert!(answers[3]["ask"].is_array() && errors[4].contains("id 7"));
}

#[test]
fn a_run_ends_with_a_recommendation() {
    let start = r#"{"space":[{"name":"x","type":"float","low":0,"high":1}],"n":3,"parallel":3,"direction":"maximize","want":3}"#;
    let tell =
        r#"{"tell":[{"id":0,"value":1.0},{"id":1,"value":0.5},{"id":2,"value":0.2}],"want":0,"done":true}"#;
    assert!(talk(&[start, tell])[1]["recommend"]["x"].is_number());
}

const START: &str = r#"{"space":[{"name":"x","type":"float","low":0,"high":1}],"n":9,"parallel":2,"direction":"maximize","want":2}"#;

fn error(answer: &Json) -> &str {
    answer["error"].as_str().unwrap_or_default()
}

#[test]
fn unknown_and_missing_fields_are_errors() {
    let answers = talk(&[
        START,
        r#"{"tell":[{"id":0,"val":0.86}],"want":1}"#,
        r#"{"tell":[{"id":0}],"want":1}"#,
        r#"{"tell":[],"wants":1}"#,
        r#"{"want":1}"#,
        r#"{"tell":[{"id":0,"value":"high"}]}"#,
        &START.replace("\"high\":1", "\"high\":1,\"step\":0.1"),
        &START.replace("\"high\":1", "\"choices\":[1]"),
        &START.replace(",\"high\":1", ""),
        &START
            .replace("float", "int")
            .replace("\"high\":1", "\"high\":1.5"),
    ]);
    for (answer, says) in answers[1..].iter().zip([
        "unknown field `val`",
        "missing field `value`",
        "unknown field `wants`",
        "missing field `tell`",
        "\"high\" is neither a number nor null",
        "unknown field `step`",
        "x: choices is no field of this type",
        "x: high is missing",
        "x: 1.5 is not a whole number",
    ]) {
        assert!(error(answer).contains(says), "{answer}");
    }
}

#[test]
fn a_line_is_taken_whole_or_not_at_all() {
    let answers = talk(&[
        START,
        r#"{"tell":[{"id":0,"value":0.5},{"id":7,"value":0.6}],"want":1}"#,
        r#"{"tell":[{"id":0,"value":0.5},{"id":0,"value":0.6}],"want":1}"#,
        r#"{"tell":[{"id":0,"value":0.5}],"add":[{"params":{"x":2}}],"want":1}"#,
        r#"{"tell":[{"id":0,"value":0.5},{"id":1,"value":0.6}],"want":1}"#,
    ]);
    assert!(error(&answers[1]).contains("id 7 is not under way"));
    assert!(error(&answers[2]).contains("id 0 is told twice"));
    assert!(error(&answers[3]).contains("params.x: 2 is none of its values"));
    assert_eq!(answers[4]["ask"][0]["id"], 2, "{}", answers[4]);
}

#[test]
fn what_is_not_finite_is_a_failed_trial_however_it_is_written() {
    for value in [
        "NaN",
        "Infinity",
        "-Infinity",
        "\"NaN\"",
        "\"-Infinity\"",
        "\"nan\"",
        "null",
    ] {
        let tell = format!(r#"{{"tell":[{{"id":0,"value":{value}}},{{"id":1,"value":0.5}}],"done":true}}"#);
        let answers = talk(&[START, &tell]);
        assert_eq!(
            answers[1]["recommend"], answers[0]["ask"][1]["params"],
            "{value}: {}",
            answers[1]
        );
    }
}

#[test]
fn a_space_without_a_point_left_says_so() {
    let start = r#"{"space":[{"name":"x","type":"int","low":1,"high":2}],"n":9,"parallel":4,"direction":"maximize","want":4}"#;
    let answers = talk(&[
        start,
        r#"{"tell":[{"id":0,"value":null},{"id":1,"value":null}],"want":1}"#,
        r#"{"tell":[]}"#,
    ]);
    assert_eq!(
        (
            answers[0]["ask"].as_array().unwrap().len(),
            &answers[0]["exhausted"]
        ),
        (2, &json!(true))
    );
    assert_eq!(answers[1], json!({"ask": [], "exhausted": true}));
    assert_eq!(answers[2], json!({"ask": []}), "none was wanted");
}

#[test]
fn a_recommendation_says_what_to_expect_of_it() {
    let tell = r#"{"tell":[{"id":0,"value":1.0},{"id":1,"value":0.5}],"add":[{"params":{"x":0.3},"value":0.7}],"done":true}"#;
    let answer = talk(&[START, tell]).remove(1);
    let number = |key: &str| answer[key].as_f64().unwrap();
    assert!(
        number("low") <= number("mean") && number("mean") <= number("high"),
        "{answer}"
    );
}

#[test]
fn a_point_of_ones_own_has_a_number_like_any_other() {
    let answers = talk(&[
        START,
        r#"{"add":[{"params":{"x":0.25},"value":0.5},{"params":{"x":0.75}}],"want":1}"#,
        r#"{"tell":[{"id":2,"value":0.5}]}"#,
        r#"{"tell":[{"id":3,"value":0.9}]}"#,
        r#"{"add":[{"params":{}}]}"#,
        r#"{"add":[{"params":{"x":0.5,"y":1}}]}"#,
    ]);
    assert_eq!(
        answers[1]["added"],
        json!([{"id": 2, "params": {"x": 0.25}}, {"id": 3, "params": {"x": 0.75}}])
    );
    assert_eq!(answers[1]["ask"][0]["id"], 4);
    assert!(
        error(&answers[2]).contains("id 2 is not under way"),
        "its value came with it"
    );
    assert_eq!(answers[3], json!({"ask": []}));
    assert!(error(&answers[4]).contains("params.x is missing"));
    assert!(error(&answers[5]).contains("params.y: the space has no such parameter"));
}
