//! Unit tests of `bert_config`.

use super::*;
use proptest::prelude::*;

const SMALL: &str = r#"{"model_type": "bert", "vocab_size": 50, "hidden_size": 32, "intermediate_size": 64,
    "num_attention_heads": 4, "num_hidden_layers": 2}"#;

#[test]
fn what_is_left_out_has_berts_defaults() {
    let config = BertConfig::parse(SMALL).unwrap();
    assert_eq!(
        (config.n_positions, config.n_types, config.epsilon),
        (512, 2, 1e-12)
    );
    assert_eq!(
        (config.hidden_dropout, config.classifier_dropout, config.tanh_gelu),
        (0.1, 0.1, false)
    );
    assert_eq!(config.head(), 8);
}

#[test]
fn another_architecture_is_named() {
    for (old, new, part) in [
        (
            r#""model_type": "bert""#,
            r#""model_type": "roberta""#,
            "architecture is roberta",
        ),
        (
            r#""model_type": "bert""#,
            r#""architectures": ["GPT2Model"]"#,
            "GPT2Model",
        ),
        (
            r#""hidden_size": 32"#,
            r#""hidden_size": 32, "position_embedding_type": "relative_key""#,
            "relative_key",
        ),
        (
            r#""hidden_size": 32"#,
            r#""hidden_size": 30"#,
            "num_attention_heads",
        ),
        (
            r#""hidden_size": 32"#,
            r#""hidden_size": 32, "hidden_act": "relu""#,
            "relu",
        ),
        (r#""hidden_size": 32,"#, "", "hidden_size"),
    ] {
        let said = BertConfig::parse(&SMALL.replace(old, new)).unwrap_err();
        assert!(said.contains(part), "{said}");
    }
}

#[test]
fn gelu_new_is_the_tanh_form() {
    let text = SMALL.replace(
        r#""hidden_size": 32"#,
        r#""hidden_size": 32, "hidden_act": "gelu_new""#,
    );
    assert!(BertConfig::parse(&text).unwrap().tanh_gelu);
}

#[test]
fn a_foreign_text_is_told_in_short() {
    let long = "x".repeat(1_000_000);
    for text in [
        SMALL.replace("\"bert\"", &format!("\"{long}\"")),
        SMALL.replace(
            r#""hidden_size": 32"#,
            &format!(r#""hidden_size": 32, "hidden_act": "{long}""#),
        ),
        SMALL.replace(r#""hidden_size": 32"#, &format!(r#""hidden_size": "{long}""#)),
        long,
    ] {
        let said = BertConfig::parse(&text).unwrap_err();
        assert!(said.len() < 400, "{} bytes", said.len());
    }
}

proptest! {
    #[test]
    fn whatever_stands_in_a_config_its_reading_ends_in_a_bert_or_in_a_short_sentence(
        at in 0_usize..200, put in "[0-9e.\\-\"{}\\[\\],:a-z]{0,6}", cut in 0_usize..8,
    ) {
        let mut text = SMALL.to_owned();
        let at = at.min(text.len());
        let end = (at + cut).min(text.len());
        text.replace_range(at..end, &put);
        match BertConfig::parse(&text) {
            Ok(config) => prop_assert!(config.hidden % config.n_heads == 0 && config.hidden > 0),
            Err(said) => prop_assert!(said.len() < 400, "{said}"),
        }
    }
}
