//! Unit tests of `bert_config`.

use super::*;

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
