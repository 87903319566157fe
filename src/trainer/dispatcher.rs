//! Operators of libtorch that tch leaves out, through libtorch's C ABI.
//!
//! `aoti_torch_call_dispatcher(operator, overload, stack)` takes the arguments as a stack of 64-bit words and leaves the
//! results there. A tensor or a list is an owned handle, a number its bits, an optional argument a pointer to such a word
//! (made with C++'s `new`, since the callee ends it with `delete`) or 0. The functions are looked up while running: where a libtorch does
//! not have them, [`fused_adamw`] says so and the caller does the same in plain operators.

use std::ffi::{CStr, c_char, c_int, c_void};
use std::sync::OnceLock;
use tch::Tensor;

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
        let Some(divisor) = handle(abi, state.divisor).and_then(|word| some(abi, word)) else {
            return false;
        };
        let numbers = [rate, beta1, beta2, weight_decay, epsilon].map(f64::to_bits);
        let mut stack = [
            master, gradient, mean, square, none, step, 0, 0, 0, 0, 0, 0, 0, divisor, 0,
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
