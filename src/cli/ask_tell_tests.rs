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
