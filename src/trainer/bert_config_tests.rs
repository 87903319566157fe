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
            r#""model_type": "xlm-roberta""#,
            "architecture is xlm-roberta",
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
fn distilbert_has_its_own_keys_and_no_segments() {
    let text = r#"{"model_type": "distilbert", "vocab_size": 50, "dim": 32, "hidden_dim": 64, "n_heads": 4, "n_layers": 2,
        "max_position_embeddings": 40, "sinusoidal_pos_embds": true, "tie_weights_": true, "seq_classif_dropout": 0.3}"#;
    let config = BertConfig::parse(text).unwrap();
    assert_eq!(
        (
            config.family,
            config.hidden,
            config.inner,
            config.n_types,
            config.longest()
        ),
        (Family::DistilBert, 32, 64, 0, 40)
    );
    assert_eq!(
        (
            config.hidden_dropout,
            config.attended_dropout(),
            config.classifier_dropout,
            config.span_dropout
        ),
        (0.1, 0.0, 0.3, 0.1)
    );
    for (old, new, part) in [
        (r#""dim": 32,"#, "", "`dim`"),
        (
            r#""n_heads": 4"#,
            r#""n_heads": 5"#,
            "dim 32 is not a multiple of n_heads 5",
        ),
        (r#""n_layers": 2"#, r#""n_layers": 0"#, "n_layers is 0"),
    ] {
        let said = BertConfig::parse(&text.replace(old, new)).unwrap_err();
        assert!(said.contains(part), "{said}");
    }
}

#[test]
fn robertas_positions_begin_after_the_paddings() {
    let text = SMALL.replace("\"bert\"", "\"roberta\"").replace(
        r#""hidden_size""#,
        r#""max_position_embeddings": 514, "type_vocab_size": 1, "hidden_size""#,
    );
    let config = BertConfig::parse(&text).unwrap();
    assert_eq!(
        (
            config.family,
            config.n_types,
            config.longest(),
            config.padding_position
        ),
        (Family::Roberta, 1, 512, 1)
    );
    for id in ["-1", "513", "99999999999"] {
        let text = text.replace(
            "\"hidden_size\"",
            &format!("\"pad_token_id\": {id}, \"hidden_size\""),
        );
        let said = BertConfig::parse(&text).unwrap_err();
        assert!(said.contains("pad_token_id"), "{said}");
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
