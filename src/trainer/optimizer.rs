//! AdamW with clipping, over the two flat buffers: only the first one's parameters decay.

use super::dispatcher::{self, State};
use super::setting::Recipe;
use super::weights::{Weights, norm};
use tch::{Kind, Tensor, no_grad};

const BETAS: [f64; 2] = [0.9, 0.999];
const EPSILON: f64 = 1e-8;

/// Moments of the gradients, and how often they were updated.
#[derive(Debug)]
pub struct Optimizer {
    /// Means of the gradients, laid out as the master weights.
    pub(super) means: [Tensor; 2],
    /// Means of their squares.
    pub(super) squares: [Tensor; 2],
    /// Updates done.
    pub(super) n_updates: u64,
    weight_decay: f64,
    /// Gradients longer than this are scaled down to it; 0: none.
    max_norm: f64,
    /// Whether libtorch's fused step may be used; the plain operators do the same in ten passes over memory.
    fused: bool,
}

impl Optimizer {
    /// An optimizer that has seen no gradient yet.
    pub(super) fn new(weights: &Weights, recipe: &Recipe) -> Self {
        let zeros = || weights.master_weights.each_ref().map(Tensor::zeros_like);
        Self {
            means: zeros(),
            squares: zeros(),
            n_updates: 0,
            weight_decay: recipe.weight_decay,
            max_norm: recipe.max_grad_norm,
            fused: true,
        }
    }

    /// The same without libtorch's fused step.
    pub fn without_fused_step(mut self) -> Self {
        self.fused = false;
        self
    }

    /// Clips the gradients of `weights`, takes one step with the learning rate `rate`, and returns the gradients' length
    /// before clipping: a scalar on their device, since whoever reads it waits for everything before it. Where that is no number the
    /// fused step leaves all as it was.
    pub(super) fn step(&mut self, weights: &mut Weights, rate: f64) -> Tensor {
        self.n_updates += 1;
        no_grad(|| {
            let length = norm(&weights.gradients);
            let divisor = match self.max_norm {
                0.0 => length.ones_like(),
                // Clipping multiplies by max / (length + 1e-6) where that is below 1, as torch's clip_grad_norm_ does.
                max => ((&length + 1e-6) / max).clamp_min(1.0),
            };
            let is_lost = length.isfinite().logical_not().to_kind(Kind::Float);
            let step = Tensor::full([], self.n_updates as f64, (Kind::Float, length.device()));
            for group in [0, 1] {
                let adamw = dispatcher::AdamW {
                    rate,
                    betas: BETAS,
                    weight_decay: if group == 0 { self.weight_decay } else { 0.0 },
                    epsilon: EPSILON,
                };
                let state = State {
                    master: &weights.master_weights[group],
                    gradient: &weights.gradients[group],
                    mean: &self.means[group],
                    square: &self.squares[group],
                    step: &step,
                    divisor: &divisor,
                    is_lost: &is_lost,
                };
                self.fused = self.fused && dispatcher::fused_adamw(&state, &adamw);
                if !self.fused {
                    plain_step(&state, &adamw, self.n_updates);
                }
            }
            weights.refresh();
            length
        })
    }
}

/// p ← p (1 - r w) - r m̂ / (√v̂ + ε), with m̂ and v̂ the moments freed of their bias towards zero (Loshchilov and Hutter,
/// "Decoupled weight decay regularization", 2019).
fn plain_step(state: &State, adamw: &dispatcher::AdamW, n_updates: u64) {
    let [beta1, beta2] = adamw.betas;
    let unbias = |beta: f64| 1.0 - beta.powf(n_updates as f64);
    let gradient = state.gradient / state.divisor;
    let (mut master, mut mean, mut square) = (
        state.master.shallow_clone(),
        state.mean.shallow_clone(),
        state.square.shallow_clone(),
    );
    let _ = mean.g_mul_scalar_(beta1).g_add_(&(&gradient * (1.0 - beta1)));
    let _ = square
        .g_mul_scalar_(beta2)
        .g_add_(&(gradient.square() * (1.0 - beta2)));
    let denominator = square.sqrt() / unbias(beta2).sqrt() + adamw.epsilon;
    let _ = master.g_mul_scalar_(1.0 - adamw.rate * adamw.weight_decay);
    let _ = master.g_sub_(&(mean / denominator * (adamw.rate / unbias(beta1))));
}
