//! The parameters as tensors: master weights in 32 bits, working copies of the encoder's matrices, gradients.
//!
//! A **leaf** is a tensor that the model computes with and that autograd gives a gradient for: a view into the working
//! copy for the encoder's matrices and biases, a view into the master weights for everything else.

use super::Result;
use super::bert_config::BertConfig;
use super::checkpoint_files::CheckpointFile;
use super::family::Family;
use super::layout::{CLASSIFIER, Layout, POOLER, POSITIONS, ROW, SPAN, Slot, WORDS, layer_name};
use super::new_head;
use super::setting::Setting;
use super::task::Head;
use tch::{Kind, Tensor, no_grad};

/// A dense map: `weight` `[out, in]`, `bias` `[out]`.
#[derive(Debug)]
pub(super) struct Dense {
    /// `[out, in]`
    pub(super) weight: Tensor,
    /// `[out]`
    pub(super) bias: Tensor,
}

impl Dense {
    /// x Wᵀ + b: [rows, in] to [rows, out].
    pub(super) fn of(&self, x: &Tensor) -> Tensor {
        x.linear(&self.weight, Some(&self.bias))
    }
}

/// LayerNorm's two vectors, `[H]` each.
#[derive(Debug)]
pub(super) struct Norm {
    /// `[H]`
    pub(super) weight: Tensor,
    /// `[H]`
    pub(super) bias: Tensor,
}

/// The leaves of one layer.
#[derive(Debug)]
pub(super) struct LayerLeaves {
    /// Query, key and value in one map, [3 H, H].
    pub(super) qkv: Dense,
    /// Output of the attention, [H, H].
    pub(super) attended: Dense,
    /// After the attention.
    pub(super) attended_norm: Norm,
    /// Up into the feed-forward layer, [I, H].
    pub(super) up: Dense,
    /// Down again, [H, I].
    pub(super) down: Dense,
    /// After the feed-forward layer.
    pub(super) norm: Norm,
}

/// The leaves of the model.
#[derive(Debug)]
pub(super) struct Leaves {
    /// Word table, [V, H].
    pub(super) words: Tensor,
    /// Position table, [positions, H].
    pub(super) positions: Tensor,
    /// Segment table, [types, H], if there is one.
    pub(super) types: Option<Tensor>,
    /// After the embeddings.
    pub(super) norm: Norm,
    /// The layers.
    pub(super) layers: Vec<LayerLeaves>,
    /// What stands on top of them.
    pub(super) head: HeadLeaves,
}

/// The leaves of a head.
#[derive(Debug)]
pub(super) enum HeadLeaves {
    /// Over the first token.
    Pooled {
        /// [H, H].
        pooler: Dense,
        /// [n, H].
        classifier: Dense,
    },
    /// Over each token, [2, H].
    Span(Dense),
}

/// Every parameter of the model.
#[derive(Debug)]
pub struct Weights {
    /// What lies where.
    pub layout: Layout,
    /// Both buffers in 32 bits.
    pub(super) master_weights: [Tensor; 2],
    /// Gradients in 32 bits, laid out alike.
    pub(super) gradients: [Tensor; 2],
    /// Copies of the leading elements, where the model computes in another kind.
    working: Option<[Tensor; 2]>,
    /// The leaves in the order in which autograd is asked for them, and where their gradients go.
    asked: Vec<(Tensor, Tensor)>,
    /// Gradients of rows that are only padding: of the words', and of RoBERTa's positions.
    padding: Vec<Tensor>,
    /// The same leaves by what they are for.
    pub(super) leaves: Leaves,
}

impl Weights {
    /// The checkpoint's parameters on `device`; the word table keeps the rows `words` only. A head that the
    /// checkpoint does not have is drawn from N(0, initializer_range) with `seed`, and so is a pooler.
    ///
    /// # Errors
    /// A tensor is missing or has another shape than config.json says.
    pub(super) fn load(file: &CheckpointFile, config: &BertConfig, setting: &Setting) -> Result<Self> {
        let (words, device) = (setting.words.kept(), setting.device);
        let layout = Layout::new(config, words.len() as i64, setting.task.head());
        let buffers = layout
            .sizes
            .map(|size| Tensor::zeros([size], (Kind::Float, device)));
        let replaced = new_head::replaced(file, config, setting);
        for (slot, number) in layout.slots.iter().zip(0..) {
            let name = config.family.name_in(&slot.name);
            let is_new = new_head::is_head(slot)
                && (file.shape(&name).is_none() || replaced.is_some_and(|head| slot.name.starts_with(head)));
            let tensor = if slot.name == WORDS {
                let table = file.get(&name, &[config.n_tokens, config.hidden])?;
                table.index_select(0, &Tensor::from_slice(words))
            } else if is_new {
                new_head::tensor(slot, config.initializer_range, setting.seed, number)
            } else {
                file.get(&name, &slot.shape)?
            };
            view(&buffers, slot).copy_(&tensor);
        }
        Ok(Self::new(layout, buffers, config, setting))
    }

    fn new(layout: Layout, master_weights: [Tensor; 2], config: &BertConfig, setting: &Setting) -> Self {
        let kind = setting.precision.kind();
        let gradients = [0, 1].map(|group| master_weights[group].zeros_like());
        let working = (kind != Kind::Float).then(|| {
            [0, 1].map(|group| {
                master_weights[group]
                    .narrow(0, 0, layout.working[group])
                    .to_kind(kind)
            })
        });
        let mut asked = Vec::new();
        let leaves = {
            let mut maker = LeafMaker {
                layout: &layout,
                master_weights: &master_weights,
                gradients: &gradients,
                working: working.as_ref(),
                asked: &mut asked,
            };
            maker.leaves(config, setting.task.head())
        };
        let padding = padding_gradients(&layout, &gradients, config, setting);
        Self {
            layout,
            master_weights,
            gradients,
            working,
            asked,
            padding,
            leaves,
        }
    }

    /// Writes the gradient of `loss` to the gradient buffers, or adds it to what is there.
    pub(super) fn differentiate(&mut self, loss: &Tensor, adds: bool) {
        let leaves: Vec<&Tensor> = self.asked.iter().map(|(leaf, _)| leaf).collect();
        let gradients = Tensor::run_backward(&[loss], &leaves, false, false);
        no_grad(|| {
            for ((_, place), gradient) in self.asked.iter_mut().zip(&gradients) {
                if adds {
                    let _ = place.g_add_(gradient);
                } else {
                    place.copy_(gradient);
                }
            }
            for row in &mut self.padding {
                let _ = row.zero_();
            }
        });
    }

    /// Makes the working copies follow the master weights.
    pub fn refresh(&mut self) {
        let Some(working) = &mut self.working else { return };
        no_grad(|| {
            for (copy, master) in working.iter_mut().zip(&self.master_weights) {
                let n = copy.numel() as i64;
                copy.copy_(&master.narrow(0, 0, n));
            }
        });
    }

    /// The parameter `slot` of the master weights, in its shape.
    pub fn master(&self, slot: &Slot) -> Tensor {
        view(&self.master_weights, slot)
    }

    /// The gradient of the parameter `slot`, in its shape.
    pub fn gradient(&self, slot: &Slot) -> Tensor {
        view(&self.gradients, slot)
    }
}

/// Length of a vector that lies in rows of [`ROW`], in both buffers together: a scalar in 32 bits.
pub(super) fn norm(buffers: &[Tensor; 2]) -> Tensor {
    let rows = buffers.each_ref().map(|buffer| {
        let rows = buffer.view([-1, ROW]);
        rows.norm_scalaropt_dim(2.0, [1], false)
    });
    Tensor::cat(&rows, 0).norm_scalaropt_dim(2.0, [0], false)
}

fn view(buffers: &[Tensor; 2], slot: &Slot) -> Tensor {
    buffers[slot.group as usize]
        .narrow(0, slot.offset, slot.numel())
        .view(slot.shape.as_slice())
}

/// The rows that transformers makes Embedding's padding_idx, if what stands in them reaches the loss.
fn padding_gradients(
    layout: &Layout,
    gradients: &[Tensor; 2],
    config: &BertConfig,
    setting: &Setting,
) -> Vec<Tensor> {
    let row = |name: &str, row: i64| {
        let slot = layout
            .find(name)
            .unwrap_or_else(|| unreachable!("every BERT has {name}"));
        view(gradients, slot).select(0, row)
    };
    let words = setting.words.padding().map(|padding| row(WORDS, padding));
    let positions = (config.family == Family::Roberta).then(|| row(POSITIONS, config.padding_position));
    words.into_iter().chain(positions).collect()
}

/// Makes leaves and notes where each one's gradient goes.
struct LeafMaker<'a> {
    layout: &'a Layout,
    master_weights: &'a [Tensor; 2],
    gradients: &'a [Tensor; 2],
    working: Option<&'a [Tensor; 2]>,
    asked: &'a mut Vec<(Tensor, Tensor)>,
}

impl LeafMaker<'_> {
    fn leaves(&mut self, config: &BertConfig, head: Head) -> Leaves {
        let embeddings = |name: &str| format!("bert.embeddings.{name}.weight");
        Leaves {
            words: self.leaf(WORDS, 1),
            positions: self.leaf(POSITIONS, 1),
            types: (config.n_types > 0).then(|| self.leaf(&embeddings("token_type_embeddings"), 1)),
            norm: self.norm("bert.embeddings.LayerNorm"),
            layers: (0..config.n_layers).map(|layer| self.layer(layer)).collect(),
            head: match head {
                Head::Pooled(_) => HeadLeaves::Pooled {
                    pooler: self.dense(POOLER, 1),
                    classifier: self.dense(CLASSIFIER, 1),
                },
                Head::Span => HeadLeaves::Span(self.dense(SPAN, 1)),
            },
        }
    }

    fn layer(&mut self, layer: usize) -> LayerLeaves {
        let place = |part: &str| layer_name(layer, part, "");
        let mut dense = |part: &str, n| self.dense(place(part).trim_end_matches('.'), n);
        let (qkv, attended) = (
            dense("attention.self.query", 3),
            dense("attention.output.dense", 1),
        );
        let (up, down) = (dense("intermediate.dense", 1), dense("output.dense", 1));
        let mut norm = |part: &str| self.norm(place(part).trim_end_matches('.'));
        let (attended_norm, norm) = (norm("attention.output.LayerNorm"), norm("output.LayerNorm"));
        LayerLeaves {
            qkv,
            attended,
            attended_norm,
            up,
            down,
            norm,
        }
    }

    /// `n` maps that lie side by side, from the one of this name on.
    fn dense(&mut self, name: &str, n: i64) -> Dense {
        Dense {
            weight: self.leaf(&format!("{name}.weight"), n),
            bias: self.leaf(&format!("{name}.bias"), n),
        }
    }

    fn norm(&mut self, name: &str) -> Norm {
        Norm {
            weight: self.leaf(&format!("{name}.weight"), 1),
            bias: self.leaf(&format!("{name}.bias"), 1),
        }
    }

    fn leaf(&mut self, name: &str, n: i64) -> Tensor {
        let slot = self
            .layout
            .find(name)
            .unwrap_or_else(|| unreachable!("{name} is in every layout"));
        let mut slot = slot.clone();
        slot.shape[0] *= n;
        let group = slot.group as usize;
        let buffers = match self.working {
            Some(working) if slot.offset < self.layout.working[group] => working,
            _ => self.master_weights,
        };
        let leaf = view(buffers, &slot).detach().set_requires_grad(true);
        self.asked
            .push((leaf.shallow_clone(), view(self.gradients, &slot)));
        leaf
    }
}
