//! Dropout masks from a generator of our own: libtorch's takes a fifth of a step on a CPU.
//!
//! Each step has its own stream, a function of the seed and the step's number, so a resumed run draws what an undisturbed
//! one would. Eight xoshiro256++ generators (Blackman and Vigna, 2021) run side by side, which a compiler turns into
//! vector instructions; the numbers are the same on every machine. 16 bits decide about an element.

use super::random::{Purpose, Stream};
use tch::{Device, Kind, Tensor};

const LANES: usize = 8;
/// Decisions in one turn of the generator: four of 16 bits from each lane.
const BLOCK: usize = 4 * LANES;

/// Masks while training; `None` where the model only answers.
pub(super) type Masks<'a> = Option<&'a mut Dropout>;

/// dropout(x).
pub(super) fn masked(x: Tensor, p: f64, masks: Masks) -> Tensor {
    match masks {
        Some(masks) => masks.applied(x, p),
        None => x,
    }
}

/// x + dropout(y).
pub(super) fn added(x: &Tensor, y: Tensor, p: f64, masks: Masks) -> Tensor {
    match masks {
        Some(masks) => masks.added(x, y, p),
        None => x + y,
    }
}

/// The masks of one step.
#[derive(Debug)]
pub(super) struct Dropout {
    source: Source,
    kind: Kind,
}

#[derive(Debug)]
enum Source {
    Own(Box<Lanes>),
    /// A GPU has a generator of its own, seeded for the step. The fused attention draws from it as well.
    Libtorch,
}

impl Dropout {
    /// The masks of step `step` of a run with `seed`, in the kind of the activations.
    pub(super) fn new(seed: u64, step: u64, kind: Kind, device: Device) -> Self {
        let mut stream = Stream::new(seed, Purpose::Dropout, step);
        let source = if device == Device::Cpu {
            Source::Own(Box::new(Lanes::new(&mut stream)))
        } else {
            tch::manual_seed(stream.bits() as i64);
            Source::Libtorch
        };
        Self { source, kind }
    }

    /// `x` with the probability 1 - p times 1 / (1 - p), otherwise 0, each element by itself.
    fn applied(&mut self, x: Tensor, p: f64) -> Tensor {
        match &mut self.source {
            _ if p == 0.0 => x,
            Source::Own(lanes) => {
                let mask = mask(lanes, self.kind, p, &x.size());
                let mask = mask.to_kind(x.kind());
                x * mask
            }
            Source::Libtorch => x.dropout(p, true),
        }
    }

    /// `x` and `y` after dropout.
    fn added(&mut self, x: &Tensor, y: Tensor, p: f64) -> Tensor {
        match &mut self.source {
            // In one operation.
            Source::Own(lanes) if p > 0.0 => x.addcmul(&y, &mask(lanes, self.kind, p, &y.size())),
            _ => x + self.applied(y, p),
        }
    }
}

/// A mask of this shape on the host: 1 / (1 - p) with the probability 1 - p, otherwise 0.
fn mask(lanes: &mut Lanes, kind: Kind, p: f64, shape: &[i64]) -> Tensor {
    let rate = Rate::new(p, kind);
    let mask = Tensor::empty(shape, (kind, Device::Cpu));
    let n = mask.numel();
    // SAFETY: a fresh tensor is contiguous, has `n` elements of its kind, and nothing else refers to it yet.
    unsafe {
        match kind {
            Kind::BFloat16 => {
                let bits = (rate.scale as f32).to_bits() >> 16;
                let place = std::slice::from_raw_parts_mut(mask.data_ptr().cast::<u16>(), n);
                lanes.fill(place, rate.threshold, bits as u16);
            }
            _ => {
                let place = std::slice::from_raw_parts_mut(mask.data_ptr().cast::<f32>(), n);
                lanes.fill(place, rate.threshold, rate.scale as f32);
            }
        }
    }
    mask
}

/// How often an element is kept, and by what it is multiplied then.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Rate {
    keep: f64,
    scale: f64,
    /// Kept are the 16-bit numbers below it.
    threshold: u32,
}

impl Rate {
    /// The scale is rounded to what the kind can hold, and the keep rate follows it, so that the mean stays exactly 1 (to
    /// 2^-16): with bfloat16 and p = 0.1 an element is dropped with 0.0986.
    fn new(p: f64, kind: Kind) -> Self {
        let mut scale = 1.0 / (1.0 - p);
        if kind == Kind::BFloat16 {
            let bits = (scale as f32).to_bits();
            scale = f64::from(f32::from_bits((bits + 0x7fff + ((bits >> 16) & 1)) & 0xffff_0000));
        }
        let keep = 1.0 / scale;
        Self {
            keep,
            scale,
            threshold: (keep * 65536.0).round() as u32,
        }
    }
}

/// Eight generators; `state[i][lane]` is word `i` of one of them.
#[derive(Debug)]
struct Lanes {
    state: [[u64; LANES]; 4],
}

impl Lanes {
    fn new(stream: &mut Stream) -> Self {
        Self {
            state: std::array::from_fn(|_| std::array::from_fn(|_| stream.bits())),
        }
    }

    /// Fills `place` with `one` where the decision is to keep and with zero elsewhere. What is left over of the last turn
    /// is thrown away.
    fn fill<T: Copy + Default>(&mut self, place: &mut [T], threshold: u32, one: T) {
        #[cfg(target_arch = "x86_64")]
        if is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512vl")
            && is_x86_feature_detected!("avx512dq")
        {
            // SAFETY: the processor has the instructions.
            return unsafe { self.fill_avx512(place, threshold, one) };
        }
        #[cfg(target_arch = "x86_64")]
        if is_x86_feature_detected!("avx2") {
            // SAFETY: the processor has the instructions.
            return unsafe { self.fill_avx2(place, threshold, one) };
        }
        self.fill_plain(place, threshold, one);
    }

    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq")]
    fn fill_avx512<T: Copy + Default>(&mut self, place: &mut [T], threshold: u32, one: T) {
        self.fill_plain(place, threshold, one);
    }

    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2")]
    fn fill_avx2<T: Copy + Default>(&mut self, place: &mut [T], threshold: u32, one: T) {
        self.fill_plain(place, threshold, one);
    }

    #[inline(always)]
    fn fill_plain<T: Copy + Default>(&mut self, place: &mut [T], threshold: u32, one: T) {
        let (blocks, rest) = place.as_chunks_mut::<BLOCK>();
        let mut state = self.state;
        for block in blocks {
            *block = decide(&turn(&mut state), threshold, one);
        }
        if !rest.is_empty() {
            rest.copy_from_slice(&decide(&turn(&mut state), threshold, one)[..rest.len()]);
        }
        self.state = state;
    }
}

/// One turn of the eight generators.
#[inline(always)]
fn turn(s: &mut [[u64; LANES]; 4]) -> [u64; LANES] {
    let mut out = [0; LANES];
    for lane in 0..LANES {
        let [a, b, c, d] = [s[0][lane], s[1][lane], s[2][lane], s[3][lane]];
        out[lane] = a.wrapping_add(d).rotate_left(23).wrapping_add(a);
        let (c, d) = (c ^ a, d ^ b);
        s[1][lane] = b ^ c;
        s[0][lane] = a ^ d;
        s[2][lane] = c ^ (b << 17);
        s[3][lane] = d.rotate_left(45);
    }
    out
}

#[inline(always)]
fn decide<T: Copy + Default>(words: &[u64; LANES], threshold: u32, one: T) -> [T; BLOCK] {
    let mut out = [T::default(); BLOCK];
    for part in 0..4 {
        for lane in 0..LANES {
            let draw = (words[lane] >> (16 * part)) as u16;
            out[part * LANES + lane] = if u32::from(draw) < threshold {
                one
            } else {
                T::default()
            };
        }
    }
    out
}

#[cfg(test)]
#[path = "dropout_tests.rs"]
mod tests;
