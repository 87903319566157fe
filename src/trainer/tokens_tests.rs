//! Unit tests of `tokens`.

use super::*;
use serde::Deserialize;

#[derive(Deserialize)]
struct Fixture {
    sentences: Vec<String>,
    read: Vec<Read>,
}

#[derive(Deserialize)]
struct Read {
    config: serde_json::Value,
    pairs: Vec<Vec<u32>>,
    windows: Windows,
}

#[derive(Deserialize)]
struct Windows {
    first: String,
    second: String,
    ids: Vec<Vec<u32>>,
    places: Vec<Vec<(usize, usize)>>,
}

#[test]
fn pairs_and_windows_of_roberta_are_those_of_transformers() {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/trainer/relatives/roberta");
    let text = std::fs::read_to_string(fixtures.join("tokens.json")).unwrap();
    let fixture: Fixture = serde_json::from_str(&text).unwrap();
    let folder = std::env::temp_dir().join(format!("bert-trainer-{}-pairs", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    for name in ["vocab.json", "merges.txt"] {
        std::fs::copy(fixtures.join(name), folder.join(name)).unwrap();
    }
    for read in &fixture.read {
        std::fs::write(folder.join("tokenizer_config.json"), read.config.to_string()).unwrap();
        let tokens = Tokens::read(&folder, 330, 512).unwrap();
        assert_eq!((tokens.n_special(), tokens.padding()), (4, 1));
        let pairs = fixture.sentences.iter().zip(&fixture.sentences[1..]);
        for ((first, second), expected) in pairs.zip(&read.pairs) {
            let example = tokens.encode(first, Some(second), Label::Class(0)).unwrap();
            assert_eq!(&example.ids, expected, "{first:?} {second:?}");
            assert!(example.types.iter().all(|kind| *kind == 0));
        }
        let tokens = Tokens::read(&folder, 330, 40).unwrap();
        let part = |text: &str| tokens.part(text).unwrap();
        let Windows {
            first,
            second,
            ids,
            places,
        } = &read.windows;
        let found = tokens.windows(part(first), part(second), 10).unwrap();
        assert!(found.len() > 3);
        for ((window, ids), places) in found.iter().zip(ids).zip(places) {
            assert_eq!((&window.ids, &window.places), (ids, places));
            assert_eq!(window.begin, part(first).len() + 3);
        }
        assert_eq!(found.len(), ids.len());
    }
    std::fs::remove_dir_all(folder).unwrap();
}
