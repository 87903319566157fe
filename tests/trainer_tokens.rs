//! Odd sentences become the tokens that transformers makes of them where a checkpoint has a word list alone.
#![cfg(feature = "trainer")]

#[path = "fixtures/trainer/checkpoint.rs"]
mod checkpoint;

use checkpoint::checkpoint;
use serde::Deserialize;
use std::path::Path;
use tuning_operator::trainer::tokens::Tokens;

#[derive(Deserialize)]
struct Fixture {
    sentences: Vec<String>,
    read: Vec<Read>,
}

#[derive(Deserialize)]
struct Read {
    config: serde_json::Value,
    ids: Vec<Vec<u32>>,
}

#[test]
fn odd_sentences_are_read_as_transformers_reads_them() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/trainer/tokens.json");
    let fixture: Fixture = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    assert!(fixture.sentences.len() > 100 && fixture.read.len() > 4);
    let folder = std::env::temp_dir().join(format!("bert-trainer-{}-tokens", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::copy(checkpoint().join("vocab.txt"), folder.join("vocab.txt")).unwrap();
    for read in &fixture.read {
        let config = folder.join("tokenizer_config.json");
        let _ = std::fs::remove_file(&config);
        if read.config.as_object().is_some_and(|config| !config.is_empty()) {
            std::fs::write(&config, read.config.to_string()).unwrap();
        }
        let tokens = Tokens::read(&folder, 30_522, 512).unwrap();
        for (sentence, expected) in fixture.sentences.iter().zip(&read.ids) {
            assert_eq!(
                &tokens.ids(sentence).unwrap(),
                expected,
                "{sentence:?} with {}",
                read.config
            );
        }
    }
    std::fs::remove_dir_all(folder).unwrap();
}
