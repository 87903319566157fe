//! One update of the model, and what is said where a GPU has no memory for it: whether half the batch fits, and how the same training is
//! had with that.

use super::config::Config;
use super::data::Data;
use super::example::Example;
use super::failure::{first_line, is_out_of_memory};
use super::feed::Feed;
use super::model::{Model, Step};
use super::{Failure, Result};
use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

/// What a batch comes to that is too large.
#[derive(Debug, PartialEq)]
struct TooLarge {
    /// What the allocator says.
    said: String,
    /// Whether half of it fits.
    half_fits: bool,
}

/// Updates the model by what the feed has at `place` with the learning rate `rate`; `number` counts the steps.
///
/// # Errors
/// The GPU has no memory for them. A machine's lack of memory ends the program elsewhere: what is left there is not ours to try out.
pub(super) fn update(
    config: &Config,
    data: &Data,
    model: &mut Model,
    (feed, place): (&Feed, usize),
    (rate, number): (f64, u64),
) -> Result<Step> {
    let whole = |model: &mut Model| {
        let batches = feed.batches(place, data, model);
        model.train(&batches, rate, number)
    };
    if !config.place.is_card() {
        return Ok(whole(model));
    }
    let half = |model: &mut Model| {
        let examples = feed.examples(place, data);
        let longest = longest_half(&examples, config.parameters.batch_size as usize);
        model.try_out(&model.batch(&longest, &data.words), number);
    };
    attempt(model, whole, half).map_err(|too_large| {
        let label = config.place.label();
        let parameters = &config.parameters;
        let sizes = (parameters.batch_size, parameters.gradient_accumulation_steps);
        Failure::OutOfMemory(sentence(&label, sizes, &too_large))
    })
}

/// Does the whole; where memory lacks for it, tries out the half. Any other fault goes on its way.
fn attempt<M, T>(
    model: &mut M,
    whole: impl FnOnce(&mut M) -> T,
    half: impl FnOnce(&mut M),
) -> std::result::Result<T, TooLarge> {
    // The model is not used after a fault but to try out the half, which reads the weights alone.
    let payload = match catch_unwind(AssertUnwindSafe(|| whole(model))) {
        Ok(done) => return Ok(done),
        Err(payload) => payload,
    };
    let said = text(payload.as_ref()).to_owned();
    if !is_out_of_memory(&said) {
        resume_unwind(payload);
    }
    // It holds nothing of the device: the tensors of the whole went while the stack unwound.
    let half_fits = catch_unwind(AssertUnwindSafe(|| half(model))).is_ok();
    Err(TooLarge { said, half_fits })
}

/// The half of a batch that needs most: the longest examples of all.
fn longest_half<'a>(examples: &[&'a Example], batch_size: usize) -> Vec<&'a Example> {
    let mut sorted = examples.to_vec();
    sorted.sort_by_key(|example| std::cmp::Reverse(example.ids.len()));
    sorted.truncate((batch_size / 2).max(1));
    sorted
}

/// What fits of so many examples at once in so many parts, if it does, and how the training stays the same with it.
fn sentence(label: &str, (size, steps): (u32, u32), too_large: &TooLarge) -> String {
    let half = size / 2;
    let cure = match (too_large.half_fits, size % 2) {
        (true, 0) => format!(
            "half of it fits: batch_size {half} with gradient_accumulation_steps {} is the same training",
            2 * steps
        ),
        (true, _) if half > 0 => format!(
            "{half} of it fit: batch_size {half} with gradient_accumulation_steps {} is almost the same training",
            2 * steps
        ),
        _ if half > 0 => format!(
            "nor for {half} of it; use a much smaller batch_size with as many more gradient_accumulation_steps, a smaller \
             max_length, or a GPU with more"
        ),
        _ => "use a smaller max_length, or a GPU with more".into(),
    };
    let said = first_line(&too_large.said);
    format!("no memory left on {label} for batch_size {size}; {cure} ({said})")
}

fn text(payload: &(dyn Any + Send)) -> &str {
    let owned = payload.downcast_ref::<String>().map(String::as_str);
    owned
        .or_else(|| payload.downcast_ref::<&str>().copied())
        .unwrap_or("no reason given")
}

#[cfg(test)]
mod tests {
    use super::*;

    const FULL: &str = "CUDA out of memory. Tried to allocate 2.00 GiB\\nframe #0";

    fn said(size: u32, steps: u32, half_fits: bool) -> String {
        let too_large = TooLarge {
            said: FULL.into(),
            half_fits,
        };
        sentence("cuda:0 T4", (size, steps), &too_large)
    }

    #[test]
    fn the_sentence_names_what_fits_and_the_same_training() {
        assert_eq!(
            said(32, 1, true),
            "no memory left on cuda:0 T4 for batch_size 32; half of it fits: batch_size 16 with gradient_accumulation_steps 2 is the \
             same training (CUDA out of memory. Tried to allocate 2.00 GiB)"
        );
        assert!(said(32, 4, true).contains("gradient_accumulation_steps 8 is the same"));
        assert!(said(25, 1, true).contains("batch_size 12 with gradient_accumulation_steps 2 is almost"));
        assert!(said(32, 1, false).contains("nor for 16 of it; use a much smaller batch_size"));
        for half_fits in [true, false] {
            assert!(said(1, 1, half_fits).contains("batch_size 1; use a smaller max_length"));
        }
    }

    #[test]
    fn the_half_is_tried_for_memory_alone() {
        let full = |_: &mut ()| -> u8 { panic!("{FULL}") };
        let whole = attempt(&mut (), |()| 7, |()| panic!("not wanted"));
        assert_eq!(whole, Ok(7));
        let fits = attempt(&mut (), full, |()| {});
        assert_eq!(fits.map_err(|t| (t.said == FULL, t.half_fits)), Err((true, true)));
        let neither = attempt(&mut (), full, |()| panic!("{FULL}"));
        assert!(!neither.unwrap_err().half_fits);
        let other = catch_unwind(|| attempt(&mut (), |()| panic!("illegal access"), |()| {}).map(|(): ()| 0));
        assert_eq!(text(other.unwrap_err().as_ref()), "illegal access");
    }
}
