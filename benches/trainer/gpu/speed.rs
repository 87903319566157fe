//! How fast are steps of BERT-base, and what share of the card's arithmetic is that?

use super::models::{Make, examples, lengths, model, packed, padded, write_random};
use super::{Stage, say};
use serde_json::json;
use std::time::Instant;
use tuning_operator::trainer::batches::Batch;
use tuning_operator::trainer::config::Precision;

/// What makes a batch of a shape.
struct Shape {
    name: &'static str,
    task: &'static str,
    n_examples: usize,
    lengths: (usize, usize),
}

const SHAPES: [Shape; 3] = [
    Shape {
        name: "SQuAD, 32 x 384",
        task: "squad",
        n_examples: 32,
        lengths: (384, 384),
    },
    Shape {
        name: "SQuAD, 32 of 64 to 288",
        task: "squad",
        n_examples: 32,
        lengths: (64, 288),
    },
    Shape {
        name: "MRPC, 32 of 30 to 76",
        task: "mrpc",
        n_examples: 32,
        lengths: (30, 76),
    },
];

/// bf16 products of cards, dense, in 10^12 operations a second, as NVIDIA's data sheets have them; the longer names first.
const PEAKS: [(&str, f64); 10] = [
    ("H100 PCIe", 756.0),
    ("H100", 989.0),
    ("H200", 989.0),
    ("B200", 2250.0),
    ("A100", 312.0),
    ("A10G", 70.0),
    ("A10", 125.0),
    ("L40S", 362.0),
    ("L4", 121.0),
    ("A30", 165.0),
];

/// Both forms in all shapes.
pub fn run(stage: &Stage) {
    let small = json!({"model_type": "bert", "vocab_size": 30522, "hidden_size": 64, "intermediate_size": 128,
        "num_hidden_layers": 2, "num_attention_heads": 2, "max_position_embeddings": 512});
    let base = json!({"model_type": "bert", "vocab_size": 30522, "hidden_size": 768, "intermediate_size": 3072,
        "num_hidden_layers": 12, "num_attention_heads": 12, "max_position_embeddings": 512});
    let config = if stage.is_rehearsal() { small } else { base };
    write_random(&stage.scratch, &config);
    for shape in SHAPES {
        for form in ["padded", "packed"] {
            one(stage, &config, &shape, form);
        }
    }
}

fn one(stage: &Stage, config: &serde_json::Value, shape: &Shape, form: &str) {
    let device = stage.place.device;
    let make = Make {
        task: shape.task,
        precision: Precision::Bf16,
        device,
        dropout: 0.1,
        seed: 1,
    };
    let (mut model, words) = model(&stage.scratch, make);
    let (n_batches, n_rounds) = if stage.is_rehearsal() { (1, 1) } else { (10, 5) };
    let all = (0..n_batches)
        .map(|seed| examples(shape.task, &lengths(shape.n_examples, shape.lengths, seed), seed));
    let all: Vec<_> = all.collect();
    let batches: Vec<Batch> = all
        .iter()
        .map(|these| match form {
            "packed" => packed(these, &words, device),
            _ => padded(these, &words, &model, device),
        })
        .collect();
    let mut number = 0;
    let mut round = || {
        let begun = Instant::now();
        let mut last = None;
        for batch in &batches {
            last = Some(model.train(std::slice::from_ref(batch), 1e-5, number));
            number += 1;
        }
        let loss = last.map(|step| step.read().loss);
        assert!(loss.is_some_and(f64::is_finite), "{loss:?}");
        1e3 * begun.elapsed().as_secs_f64() / batches.len() as f64
    };
    round();
    let mut times: Vec<f64> = (0..n_rounds).map(|_| round()).collect();
    times.sort_by(f64::total_cmp);
    let (least, median, most) = (times[0], times[times.len() / 2], times[times.len() - 1]);
    let lengths: Vec<usize> = all.iter().flatten().map(|example| example.ids.len()).collect();
    let flop = operations(config, &lengths) / n_batches as f64;
    let label = stage.place.label();
    let share = PEAKS
        .iter()
        .find(|(name, _)| label.contains(name))
        .map(|(_, peak)| {
            let share = flop / (median * 1e-3) / (peak * 1e12);
            format!(", {:.1} % of the card's {peak} TFLOP/s", 100.0 * share)
        });
    let rate = shape.n_examples as f64 / median * 1e3;
    let found = format!(
        "{median:.2} ms ({least:.2} to {most:.2}), {rate:.0} examples/s{}",
        share.unwrap_or_default()
    );
    let of = if stage.is_rehearsal() {
        "a small BERT"
    } else {
        "BERT-base"
    };
    say(&format!("step of {of}, {}, {form}", shape.name), &found, "", None);
}

/// Operations of the products in a training step of examples of these lengths, without what padding costs: six for each parameter of
/// the layers and token, and of the attention twelve for each pair of tokens, unit of the hidden size and layer. Head and embeddings are left
/// out, and nothing is taken off for the last layer's shortcut.
fn operations(config: &serde_json::Value, lengths: &[usize]) -> f64 {
    let number = |name: &str| config[name].as_f64().unwrap_or_default();
    let (hidden, inner, n_layers) = (
        number("hidden_size"),
        number("intermediate_size"),
        number("num_hidden_layers"),
    );
    let parameters = n_layers * (4.0 * hidden * hidden + 2.0 * hidden * inner);
    let each = lengths.iter().map(|n| *n as f64);
    each.map(|n| 6.0 * parameters * n + 12.0 * n_layers * hidden * n * n)
        .sum()
}
