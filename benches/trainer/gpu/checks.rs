//! Does the GPU compute what the CPU computes?

use super::models::{Make, examples, lengths, model, packed, padded};
use super::{Stage, say};
use tch::{Device, Tensor};
use tuning_operator::trainer::batches::{Batch, Words};
use tuning_operator::trainer::config::Precision;
use tuning_operator::trainer::model::Model;

/// Steps of a comparison.
const STEPS: u64 = 20;
const RATE: f64 = 5e-5;

/// All of them.
pub fn run(stage: &Stage) {
    parity(stage);
    poison(stage);
    dropout(stage);
    enqueued(stage);
}

fn make(precision: Precision, device: Device) -> Make {
    Make {
        task: "mrpc",
        precision,
        device,
        dropout: 0.0,
        seed: 1,
    }
}

/// Losses of the steps, read at the end.
fn losses(
    (mut model, words): (Model, Words),
    device: Device,
    n_steps: u64,
    form: impl Fn(&[tuning_operator::trainer::example::Example], &Words, &Model, Device) -> Batch,
) -> Vec<(f64, f64)> {
    let steps = (0..n_steps).map(|number| {
        let these = examples("mrpc", &lengths(16, (10, 64), number), number);
        let batch = form(&these, &words, &model, device);
        model.train(&[batch], RATE, number)
    });
    let steps: Vec<_> = steps.collect();
    let read = steps.into_iter().map(|step| {
        let step = step.read();
        (step.loss, step.gradient_norm)
    });
    read.collect()
}

fn worst(found: &[(f64, f64)], expected: &[(f64, f64)]) -> f64 {
    let apart = found.iter().zip(expected).map(|(f, e)| (f.0 - e.0).abs());
    // A NaN is the worst.
    apart.fold(0.0, |worst, apart| {
        if apart > worst || apart.is_nan() {
            apart
        } else {
            worst
        }
    })
}

/// Losses of the same steps in every form.
fn parity(stage: &Stage) {
    let device = stage.place.device;
    let n_steps = if stage.is_rehearsal() { 2 } else { STEPS };
    let of = |precision, device| model(&stage.model, make(precision, device));
    let expected = losses(of(Precision::Fp32, Device::Cpu), Device::Cpu, n_steps, padded);
    let report = |name: &str, found: &[(f64, f64)], expected: &[(f64, f64)], wanted: f64| {
        let apart = worst(found, expected);
        let found = format!("loss off by {apart:.1e}");
        say(name, &found, &format!("< {wanted:.0e}"), Some(apart < wanted));
    };
    let fp32 = losses(of(Precision::Fp32, device), device, n_steps, padded);
    report("fp32 padded, beside the CPU's", &fp32, &expected, 2e-5);
    let wide = losses(of(Precision::Bf16, device), device, n_steps, padded);
    report("bf16 padded, beside fp32", &wide, &fp32, 1e-2);
    let tight = losses(of(Precision::Bf16, device), device, n_steps, |e, w, _, d| {
        packed(e, w, d)
    });
    report("bf16 packed, beside bf16 padded", &tight, &wide, 5e-3);
}

/// Whatever an operator leaves uninitialised shows where memory is full of NaN.
fn poison(stage: &Stage) {
    let device = stage.place.device;
    let (mut model, words) = model(&stage.model, make(Precision::Bf16, device));
    let (n_steps, n) = if stage.is_rehearsal() {
        (2, 1 << 20)
    } else {
        (10, 1_i64 << 28)
    };
    let finite = (0..n_steps).filter(|number| {
        // Two gigabytes that the allocator hands out next.
        drop(Tensor::full([n], f64::NAN, (tch::Kind::Float, device)));
        drop(
            (0..64)
                .map(|i| Tensor::full([n >> (i % 20)], f64::NAN, (tch::Kind::Float, device)))
                .collect::<Vec<_>>(),
        );
        let these = examples("mrpc", &lengths(7, (3, 61), *number), *number);
        let step = model
            .train(&[packed(&these, &words, device)], RATE, *number)
            .read();
        step.loss.is_finite() && step.gradient_norm.is_finite()
    });
    let n_finite = finite.count() as u64;
    let found = format!("{n_finite} of {n_steps} steps finite");
    say(
        "packed steps in memory full of NaN",
        &found,
        "all",
        Some(n_finite == n_steps),
    );
}

/// The same seed and step draw the same masks, others others.
fn dropout(stage: &Stage) {
    let device = stage.place.device;
    let loss = |seed, number| {
        let with_dropout = Make {
            dropout: 0.1,
            ..make(Precision::Bf16, device)
        };
        let (mut model, words) = model(&stage.model, Make { seed, ..with_dropout });
        let these = examples("mrpc", &lengths(16, (10, 64), 1), 1);
        model
            .train(&[packed(&these, &words, device)], RATE, number)
            .read()
            .loss
    };
    if stage.is_rehearsal() {
        // The kernels of the rehearsal draw from the process's generator, which on a CPU no step seeds.
        tch::manual_seed(1);
    }
    let (first, again) = (loss(1, 4), loss(1, 4));
    let (later, other) = (loss(1, 5), loss(2, 4));
    let found = format!("{first:.6} {again:.6}, {later:.6}, {other:.6}");
    let holds = first.to_bits() == again.to_bits() && first != later && first != other;
    let verdict = (!stage.is_rehearsal()).then_some(holds);
    say(
        "dropout by seed and step",
        &found,
        "two the same, two others",
        verdict,
    );
}

/// A step that waits for nothing is handed over in less time than it takes.
fn enqueued(stage: &Stage) {
    let device = stage.place.device;
    let (mut model, words) = model(&stage.model, make(Precision::Bf16, device));
    let n_steps = if stage.is_rehearsal() { 2 } else { 50 };
    let these = examples("mrpc", &lengths(32, (100, 128), 1), 1);
    let batch = [packed(&these, &words, device)];
    let mut last = model.train(&batch, RATE, 0);
    let warm = last.read();
    assert!(warm.loss.is_finite());
    let begun = std::time::Instant::now();
    last = model.train(&batch, RATE, 1);
    for number in 2..=n_steps {
        last = model.train(&batch, RATE, number);
    }
    let handed_over = begun.elapsed().as_secs_f64();
    last.read();
    let whole = begun.elapsed().as_secs_f64();
    let each = |seconds: f64| 1e3 * seconds / n_steps as f64;
    let found = format!("{:.2} ms of {:.2} ms a step", each(handed_over), each(whole));
    // Where the host is the slower one the device waits for it, and nothing can be told.
    say(
        "time to hand a step over, of the time that it takes",
        &found,
        "less",
        None,
    );
}
