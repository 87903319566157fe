//! Operators of libtorch that tch leaves out, through libtorch's C ABI.
//!
//! `aoti_torch_call_dispatcher(operator, overload, stack)` takes the arguments as a stack of 64-bit words and leaves the
//! results there. A tensor or a list is an owned handle, a number its bits, an optional argument a pointer to such a word
//! (made with C++'s `new`, since the callee ends it with `delete`) or 0. The functions are looked up while running: where a libtorch does
//! not have them, [`is_there`] and [`fused_adamw`] say so and the caller does the same in plain operators.
//!
//! A call that fails writes the fault to standard error and gives a code that does not tell lack of memory from anything else.

use std::ffi::{CStr, c_char, c_int, c_void};
use std::sync::OnceLock;
use tch::{Kind, Tensor};

type Handle = *mut c_void;

/// `RTLD_DEFAULT`.
const EVERYWHERE: *mut c_void = if cfg!(target_os = "macos") {
    std::ptr::without_provenance_mut(usize::MAX - 1)
} else {
    std::ptr::null_mut()
};

/// The functions of the C ABI that are needed.
#[derive(Clone, Copy)]
struct Abi {
    call: unsafe extern "C" fn(*const c_char, *const c_char, *mut u64) -> c_int,
    new_list: unsafe extern "C" fn(usize, *mut Handle) -> c_int,
    push: unsafe extern "C" fn(Handle, u64) -> c_int,
    new_tensor: unsafe extern "C" fn(Handle, *mut Handle) -> c_int,
    new_word: unsafe extern "C" fn(usize, *const u8) -> *mut c_void,
}

unsafe extern "C" {
    fn dlsym(library: *mut c_void, name: *const c_char) -> *mut c_void;
}

/// What a step of AdamW needs beside the tensors.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct AdamW {
    /// Learning rate of the step.
    pub(super) rate: f64,
    /// Decay of the mean and of the mean square.
    pub(super) betas: [f64; 2],
    /// Weight decay.
    pub(super) weight_decay: f64,
    /// What keeps the denominator from zero.
    pub(super) epsilon: f64,
}

/// Which tensors a step of AdamW works on: all of one length, in 32 bits.
#[derive(Debug)]
pub(super) struct State<'a> {
    /// The parameters.
    pub(super) master: &'a Tensor,
    /// Their gradients.
    pub(super) gradient: &'a Tensor,
    /// Mean of the gradients.
    pub(super) mean: &'a Tensor,
    /// Mean of their squares.
    pub(super) square: &'a Tensor,
    /// Number of this step, from 1: a scalar in 32 bits.
    pub(super) step: &'a Tensor,
    /// What the gradients are divided by first: a scalar in 32 bits.
    pub(super) divisor: &'a Tensor,
    /// 1 where the gradients are no numbers, so that nothing is to change, otherwise 0: a scalar in 32 bits.
    pub(super) is_lost: &'a Tensor,
}

/// Examples of different lengths, one behind the other, for queries and for keys and values.
#[derive(Debug)]
pub(super) struct Ragged<'a> {
    /// Where each example begins and at last where the last one ends, `[B + 1]` in 32 bits.
    pub(super) bounds: [&'a Tensor; 2],
    /// Length of the longest example.
    pub(super) longest: [i64; 2],
}

/// Whether operators can be called at all.
pub(super) fn is_there() -> bool {
    abi().is_some()
}

/// softmax(scale q kᵀ) v of each example, with dropout between: `[M, A, D]`, of queries `[M, A, D]`, keys and values `[N, A, D]` whose
/// last stride is 1. Autograd goes through it.
///
/// # Panics
/// The operator fails, with libtorch's words where memory lacks.
pub(super) fn flash_attention(heads: [&Tensor; 3], ragged: &Ragged, dropout: f64, scale: f64) -> Tensor {
    let found = abi().and_then(|abi| {
        // SAFETY: the words follow the operator's schema, `_flash_attention_forward(Tensor query, Tensor key, Tensor value, Tensor?
        // cum_seq_q, Tensor? cum_seq_k, SymInt max_q, SymInt max_k, float dropout_p, bool is_causal, bool return_debug_mask, *, float?
        // scale, SymInt? window_size_left, SymInt? window_size_right, Tensor? seqused_k, Tensor? alibi_slopes) -> (Tensor output, Tensor
        // softmax_logsumexp, Tensor rng_state, Tensor unused, Tensor debug_attn_mask)`; every handle is made here and given away once,
        // and the five that come back are owned, each a pointer to an `at::Tensor` as tch's own.
        unsafe {
            let mut stack = [0_u64; 15];
            for (place, tensor) in stack.iter_mut().zip(heads) {
                *place = handle(abi, tensor)?;
            }
            for (place, bounds) in stack[3..].iter_mut().zip(ragged.bounds) {
                *place = some(abi, handle(abi, bounds)?)?;
            }
            for (place, longest) in stack[5..].iter_mut().zip(ragged.longest) {
                *place = longest as u64;
            }
            stack[7] = dropout.to_bits();
            stack[10] = some(abi, scale.to_bits())?;
            let name = c"aten::_flash_attention_forward";
            if (abi.call)(name.as_ptr(), c"".as_ptr(), stack.as_mut_ptr()) != 0 {
                return None;
            }
            let [output, ..] = [0, 1, 2, 3, 4].map(|place| Tensor::from_ptr(stack[place] as *mut _));
            Some(output)
        }
    });
    found.unwrap_or_else(|| {
        // Whether memory lacked says an operator of tch's that needs as much: it panics with libtorch's words.
        let [m, n_heads, width] = heads[0].size()[..] else {
            panic!("queries are [M, A, D], not {:?}", heads[0].size())
        };
        let device = heads[0].device();
        let _output = Tensor::empty([m, n_heads, width], (heads[0].kind(), device));
        let _sums = Tensor::empty([n_heads, m], (Kind::Float, device));
        panic!("libtorch's fused attention fails; its reason stands above on standard error")
    })
}

/// One step of AdamW in a single pass over memory. `false`: this libtorch cannot do it, and nothing has changed.
pub(super) fn fused_adamw(state: &State, adamw: &AdamW) -> bool {
    let Some(abi) = abi() else { return false };
    let AdamW {
        rate,
        betas: [beta1, beta2],
        weight_decay,
        epsilon,
    } = *adamw;
    // SAFETY: the words follow the operator's schema, `_fused_adamw_(Tensor[] self, Tensor[] grads, Tensor[] exp_avgs,
    // Tensor[] exp_avg_sqs, Tensor[] max_exp_avg_sqs, Tensor[] state_steps, *, float lr, float beta1, float beta2, float
    // weight_decay, float eps, bool amsgrad, bool maximize, Tensor? grad_scale, Tensor? found_inf) -> ()`, and every
    // handle is made here and given away once.
    unsafe {
        let one = |tensor: &Tensor| list(abi, &[tensor]);
        let lists = [state.master, state.gradient, state.mean, state.square].map(one);
        let (Some(none), Some(step)) = (list(abi, &[]), one(state.step)) else {
            return false;
        };
        let [Some(master), Some(gradient), Some(mean), Some(square)] = lists else {
            return false;
        };
        let given = [state.divisor, state.is_lost].map(|tensor| some(abi, handle(abi, tensor)?));
        let [Some(divisor), Some(is_lost)] = given else {
            return false;
        };
        let numbers = [rate, beta1, beta2, weight_decay, epsilon].map(f64::to_bits);
        let mut stack = [
            master, gradient, mean, square, none, step, 0, 0, 0, 0, 0, 0, 0, divisor, is_lost,
        ];
        stack[6..11].copy_from_slice(&numbers);
        (abi.call)(c"aten::_fused_adamw_".as_ptr(), c"".as_ptr(), stack.as_mut_ptr()) == 0
    }
}

fn abi() -> Option<Abi> {
    static ABI: OnceLock<Option<Abi>> = OnceLock::new();
    *ABI.get_or_init(|| {
        let call = symbol(c"aoti_torch_call_dispatcher")?;
        let (new_list, push) = (
            symbol(c"torch_new_list_reserve_size")?,
            symbol(c"torch_list_push_back")?,
        );
        let new_tensor = symbol(c"aoti_torch_new_tensor_handle")?;
        // operator new(size_t, const std::nothrow_t&): without memory it gives null rather than throw.
        let new_word = symbol(c"_ZnwmRKSt9nothrow_t")?;
        // SAFETY: libtorch 2.11 declares four of these functions with these types (torch/csrc/stable/c/shim.h and
        // torch/csrc/inductor/aoti_torch/c/shim.h), and C++ the fifth.
        unsafe {
            Some(Abi {
                call: std::mem::transmute::<
                    Handle,
                    unsafe extern "C" fn(*const c_char, *const c_char, *mut u64) -> c_int,
                >(call),
                new_list: std::mem::transmute::<Handle, unsafe extern "C" fn(usize, *mut Handle) -> c_int>(
                    new_list,
                ),
                push: std::mem::transmute::<Handle, unsafe extern "C" fn(Handle, u64) -> c_int>(push),
                new_tensor: std::mem::transmute::<Handle, unsafe extern "C" fn(Handle, *mut Handle) -> c_int>(
                    new_tensor,
                ),
                new_word: std::mem::transmute::<Handle, unsafe extern "C" fn(usize, *const u8) -> *mut c_void>(
                    new_word,
                ),
            })
        }
    })
}

fn symbol(name: &CStr) -> Option<Handle> {
    // SAFETY: the name is a C string, and the handle is the one for every library that the program has loaded.
    let found = unsafe { dlsym(EVERYWHERE, name.as_ptr()) };
    (!found.is_null()).then_some(found)
}

/// A new handle to the tensor, which whoever takes it frees.
unsafe fn handle(abi: Abi, tensor: &Tensor) -> Option<u64> {
    let mut out: Handle = std::ptr::null_mut();
    // SAFETY: tch's pointer is libtorch's `at::Tensor*`, which is what a handle points to.
    let code = unsafe { (abi.new_tensor)(tensor.as_ptr() as Handle, &mut out) };
    (code == 0).then_some(out as u64)
}

unsafe fn list(abi: Abi, tensors: &[&Tensor]) -> Option<u64> {
    let mut out: Handle = std::ptr::null_mut();
    // SAFETY: `out` is a place for a handle, and every word pushed is a handle of its own.
    unsafe {
        if (abi.new_list)(tensors.len(), &mut out) != 0 {
            return None;
        }
        for tensor in tensors {
            if (abi.push)(out, handle(abi, tensor)?) != 0 {
                return None;
            }
        }
    }
    Some(out as u64)
}

/// An optional argument that is there.
unsafe fn some(abi: Abi, word: u64) -> Option<u64> {
    // SAFETY: eight bytes for one word, which the callee frees. The second argument only chooses the function.
    unsafe {
        let place = (abi.new_word)(size_of::<u64>(), &0).cast::<u64>();
        if place.is_null() {
            return None;
        }
        place.write(word);
        Some(place as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use tch::Device;

    #[test]
    fn attention_that_fails_is_a_fault_with_a_reason() {
        assert!(is_there());
        let tensor = Tensor::zeros([5, 2, 8], (Kind::Float, Device::Cpu));
        let bounds = Tensor::from_slice(&[0_i32, 2, 5]);
        let ragged = Ragged {
            bounds: [&bounds, &bounds],
            longest: [3, 3],
        };
        // No kernel takes sparse tensors, whatever kernels there are.
        let sparse = tensor.to_sparse_sparse_dim(3);
        let call = || flash_attention([&sparse, &sparse, &sparse], &ragged, 0.0, 1.0);
        let payload = catch_unwind(AssertUnwindSafe(call)).unwrap_err();
        let said = payload.downcast_ref::<&str>().unwrap();
        assert!(said.contains("fused attention fails"), "{said}");
    }
}
