//! Questions of SQuAD are learned from a small file in its published form, by the program, and bad files are refused.
#![cfg(feature = "trainer")]

#[path = "fixtures/trainer/tiny.rs"]
mod tiny;

use serde_json::{Value, json};
use tiny::Tiny;

const ANIMALS: [&str; 6] = ["cat", "dog", "horse", "bird", "fish", "mouse"];
const PLACES: [&str; 6] = ["house", "garden", "river", "forest", "street", "field"];

/// A file of SQuAD: who sleeps? Every eighth text is longer than a window.
fn questions(numbers: std::ops::Range<usize>) -> String {
    let paragraphs = numbers.map(|i| {
        let (animal, place) = (ANIMALS[i % 6], PLACES[i / 6 % 6]);
        let lead = "quietly ".repeat(if i.is_multiple_of(8) { 150 } else { i % 4 });
        let context = format!("{lead}the {animal} sleeps in the {place}");
        let answer = |word: &str| json!([{"text": word, "answer_start": context.rfind(word).unwrap()}]);
        json!({"context": context, "qas": [
            {"id": format!("{i}"), "question": "a", "answers": answer(animal)},
        ]})
    });
    json!({"version": "1.1", "data": [{"title": "T", "paragraphs": paragraphs.collect::<Vec<_>>()}]})
        .to_string()
}

const SQUAD: [&str; 6] = ["--task", "squad", "--max-length", "100", "--dropout", "0"];

fn reading(name: &str) -> Tiny {
    let tiny = Tiny::new(name);
    tiny.write("data/train-v1.1.json", &questions(0..48));
    tiny.write("data/dev-v1.1.json", &questions(50..60));
    tiny
}

#[test]
fn answers_are_found_in_texts_and_written_beside_the_report() {
    let tiny = reading("squad");
    let output = tiny.run(&[&SQUAD[..], &["--epochs", "12", "--learning-rate", "3e-3"]].concat());
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}");
    let report = tiny.report();
    let metric = |name: &str| report[name].as_f64().unwrap();
    assert!(
        metric("loss") < 0.5 * report["curve"][0]["loss"].as_f64().unwrap(),
        "{report}"
    );
    assert!(
        metric("exact_match") > 0.8 && metric("f1") >= metric("exact_match"),
        "{report}"
    );
    assert_eq!(report["collapsed"], false);
    let document = |name: &str| -> Value { serde_json::from_str(&tiny.read(name)).unwrap() };
    let (predictions, n_best) = (document("out/predictions.json"), document("out/nbest.json"));
    let predictions = predictions.as_object().unwrap();
    assert_eq!(predictions.len(), 10);
    let right = predictions
        .iter()
        .filter(|(id, text)| *text == ANIMALS[id.parse::<usize>().unwrap() % 6]);
    assert_eq!(right.count() as f64 / 10.0, metric("exact_match"));
    for (id, text) in predictions {
        let candidates = n_best[id].as_array().unwrap();
        assert!(!candidates.is_empty() && candidates.len() <= 20);
        assert_eq!(&candidates[0]["text"], text);
        let sum: f64 = candidates
            .iter()
            .map(|c| c["probability"].as_f64().unwrap())
            .sum();
        assert!((sum - 1.0).abs() < 1e-9);
    }
}

#[test]
fn without_epochs_a_checkpoint_is_evaluated_as_it_is() {
    let tiny = reading("evaluate");
    let output = tiny.run(&[&SQUAD[..], &["--epochs", "0"]].concat());
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let report = tiny.report();
    assert_eq!(
        (report["step"].as_u64(), report["curve"].as_array().unwrap().len()),
        (Some(0), 1)
    );
    assert!(tiny.read("out/predictions.json").contains("\"50\""));
}

#[test]
fn a_file_that_is_no_squad_is_refused_with_its_place() {
    let good = questions(0..1);
    let cases: [(&str, String, &str); 6] = [
        (
            "train-v1.1.json",
            good.replace("\"answer_start\":", "\"answer_start\":9"),
            ":1:",
        ),
        ("dev-v1.1.json", "{\"data\": 1".into(), "dev-v1.1.json:1:"),
        (
            "dev-v1.1.json",
            good.replace("\"context\":\"", "\"context\":\"\u{1}"),
            "is not JSON",
        ),
        ("train-v1.1.json", "x".repeat(20_000_000), "is not JSON"),
        (
            "train-v1.1.json",
            json!({"data": [{"paragraphs": [{"context": "a b", "qas": [{"id": "q", "question": "a",
            "answers": [{"text": "a b c", "answer_start": 0}]}]}]}]})
            .to_string(),
            "its context ends at 3",
        ),
        (
            "train-v1.1.json",
            json!({"data": [{"paragraphs": [{"context": "a b", "qas": [{"id": "q", "question": "a",
            "answers": [{"text": "b", "answer_start": 0}]}]}]}]})
            .to_string(),
            "nothing to learn from",
        ),
    ];
    for (number, (file, text, part)) in cases.iter().enumerate() {
        let tiny = reading(&format!("no-squad-{number}"));
        tiny.write(&format!("data/{file}"), text);
        let output = tiny.run(&SQUAD);
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(44), "{said}");
        assert!(
            said.contains(part) && said.contains(file) && said.len() < 900,
            "{said}"
        );
        assert_eq!(said, format!("bert-trainer: {}\n", tiny.read("out/message")));
    }
}

#[test]
fn a_text_of_a_million_characters_is_read_in_windows() {
    let tiny = reading("long");
    let context = "quietly ".repeat(125_000) + "cat";
    let answers = json!([{"text": "cat", "answer_start": 1_000_000}]);
    let qas = json!([{"id": "q", "question": "a", "answers": answers}]);
    tiny.write(
        "data/dev-v1.1.json",
        &json!({"data": [{"paragraphs": [{"context": context, "qas": qas}]}]}).to_string(),
    );
    let output = tiny.run(&[&SQUAD[..], &["--epochs", "0"]].concat());
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success(),
        "{said}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(tiny.read("out/predictions.json").contains("\"q\""));
}
