//! Has a checkpoint what its config.json tells of? Asked before any memory is, since config.json may tell of anything.

use super::bert_config::BertConfig;
use super::checkpoint_files::CheckpointFile;
use super::layout::{POSITIONS, WORDS, dense_parts, layer_name};
use super::{Failure, Result};

/// Looks for every matrix of the encoder, and at how many numbers they are.
///
/// # Errors
/// One is missing or has another shape, or there are more numbers than the files hold.
pub(super) fn check(file: &CheckpointFile, config: &BertConfig) -> Result<()> {
    let name = |canonical: &str| config.family.name_in(canonical);
    let (h, inner) = (config.hidden, config.inner);
    for layer in 0..config.n_layers {
        for (part, n_out, n_in) in dense_parts(h, inner) {
            file.check(&name(&layer_name(layer, part, "weight")), &[n_out, n_in])?;
        }
    }
    file.check(&name(POSITIONS), &[config.n_positions, h])?;
    // A shorter vocabulary is first of all a wrong one, which the tokens show.
    let words = name(WORDS);
    if !matches!(file.shape(&words), Some([rows, width]) if *rows >= config.n_tokens && *width == h) {
        file.check(&words, &[config.n_tokens, h])?;
    }
    let layers = config.n_layers as i128 * (4 * i128::from(h) + 2 * i128::from(inner));
    let n = (layers + i128::from(config.n_tokens) + i128::from(config.n_positions)) * i128::from(h);
    if n > i128::from(file.n_bytes()) {
        return Err(Failure::Model(format!(
            "{}: config.json tells of {n} numbers, and there are only {} bytes; use the config.json that belongs to the checkpoint",
            file.path().display(),
            file.n_bytes()
        )));
    }
    Ok(())
}
