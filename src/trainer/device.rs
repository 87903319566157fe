//! Where to compute: the CPU, or a GPU whose libraries are loaded only when it is asked for; and where a GPU can't be had, why not and
//! what helps. `cuda_driver` finds out; here is decided.

use super::cuda_driver::{Card, Driver, Libtorch};
use super::excerpt::{excerpt, one_line};
use super::log::say;
use super::{Failure, Result};
use tch::Device;

/// CUDA that this libtorch is built for, as drivers count.
const CUDA_VERSION: i32 = 13_000;
/// The first driver that speaks it.
const LEAST_DRIVER: &str = "580.65.06";
/// The oldest cards that this libtorch has code for.
const LEAST_CAPABILITY: (i32, i32) = (7, 5);
/// The oldest cards that multiply bfloat16 matrices.
const BF16_CAPABILITY: (i32, i32) = (8, 0);

/// Where a run computes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// As libtorch names it.
    pub device: Device,
    /// What the GPU is called.
    card: Option<String>,
    /// Whether it has instructions for bfloat16.
    pub(super) multiplies_bf16: bool,
}

impl Place {
    fn cpu() -> Self {
        Self {
            device: Device::Cpu,
            card: None,
            multiplies_bf16: multiplies_bf16(),
        }
    }

    /// Whether it is a GPU.
    pub(super) fn is_card(&self) -> bool {
        self.card.is_some()
    }

    /// For people: `cpu`, or `cuda:0 NVIDIA H200`.
    pub fn label(&self) -> String {
        match (self.device, &self.card) {
            (Device::Cuda(index), Some(name)) => format!("cuda:{index} {name}"),
            _ => "cpu".into(),
        }
    }
}

/// The device that `cpu`, `cuda`, `cuda:N` or `auto` names. It comes before whatever asks libtorch for a GPU or a seed.
///
/// # Errors
/// A name of another form (configuration), or a GPU that can't be had (device).
pub fn choose(name: &str) -> Result<Place> {
    let index = match name {
        "cpu" => return Ok(Place::cpu()),
        "auto" | "cuda" => 0,
        _ => name
            .strip_prefix("cuda:")
            .and_then(|n| n.parse().ok())
            .ok_or_else(|| {
                let sentence = format!("--device is {}; choose cpu, cuda, cuda:N or auto", excerpt(name));
                Failure::Configuration(sentence)
            })?,
    };
    let driver = Driver::ask();
    let place = usable(&driver, index).and_then(|card| {
        seen(&Libtorch::open(), index)?;
        Ok(on_card(card, index))
    });
    match place {
        Ok(place) => Ok(place),
        Err(cause) if name == "auto" => {
            // Whoever has no NVIDIA driver expects no GPU.
            if driver != Driver::Absent {
                say(format_args!("--device auto computes on the CPU: {cause}"));
            }
            Ok(Place::cpu())
        }
        Err(cause) => Err(Failure::Device(format!("--device {name}: {cause}"))),
    }
}

fn on_card(card: &Card, index: usize) -> Place {
    Place {
        device: Device::Cuda(index),
        card: Some(card.name.clone()),
        multiplies_bf16: card.capability >= BF16_CAPABILITY,
    }
}

/// The card of this number, or why the driver can't give it, and what helps.
fn usable(driver: &Driver, index: usize) -> std::result::Result<&Card, String> {
    let cards = match driver {
        Driver::Absent => {
            return Err(
                "there is no NVIDIA driver here (no libcuda.so.1); in a cluster ask for a GPU (nvidia.com/gpu in \
                 spec.trial.resources) and see that the node has NVIDIA's container toolkit, elsewhere install the driver or use \
                 --device cpu"
                    .into(),
            );
        }
        Driver::Closed(said) => {
            return Err(format!(
                "the NVIDIA driver's library can't be used ({}); see that the node's driver and container toolkit are whole",
                one_line(said)
            ));
        }
        Driver::Open { init, .. } if *init != 0 => return Err(not_ready(*init)),
        Driver::Open { version, .. } if *version < CUDA_VERSION => {
            return Err(format!(
                "the NVIDIA driver speaks CUDA {}, and this libtorch needs {}; update the node's driver to {LEAST_DRIVER} or newer",
                spoken(*version),
                spoken(CUDA_VERSION)
            ));
        }
        Driver::Open { cards, .. } => cards,
    };
    let cards = cards.as_ref().map_err(|said| {
        format!("the NVIDIA driver fails ({said}); see nvidia-smi and the node's kernel log")
    })?;
    let card = cards.get(index).ok_or_else(|| match cards.len() {
        0 => not_ready(NO_DEVICE),
        n => format!("the driver has {n} GPU(s), numbered from 0; choose another"),
    })?;
    if card.capability < LEAST_CAPABILITY {
        let (major, minor) = card.capability;
        return Err(format!(
            "{} has compute capability {major}.{minor}, and this libtorch has no code for cards below 7.5 (P100 and V100 among \
             them); choose a node with a newer GPU (T4, A100, L4, H100 and later), or --device cpu",
            card.name
        ));
    }
    Ok(card)
}

/// `CUDA_ERROR_NO_DEVICE`.
const NO_DEVICE: i32 = 100;

/// Why the driver does not start, by what `cuInit` gives.
fn not_ready(code: i32) -> String {
    let said = match code {
        NO_DEVICE | 101 => {
            "there is an NVIDIA driver, and it gives this process no GPU; in a cluster ask for one (nvidia.com/gpu in \
             spec.trial.resources), and see that CUDA_VISIBLE_DEVICES names one that is there"
        }
        802 => {
            "the GPUs of this node are not ready; its fabric manager (nvidia-fabricmanager) must run and be of the driver's version"
        }
        803 => {
            "the NVIDIA driver's library and its kernel module are of different versions; reboot the node, or load the new module"
        }
        804 => {
            "a CUDA compatibility library in the image does not fit this GPU or its driver; take it out of the image, or update the \
             node's driver"
        }
        805..=810 => "NVIDIA's MPS on this node takes no client; see that its daemon runs, or restart it",
        999 => {
            "the NVIDIA driver fails for an unknown reason; see that the module nvidia_uvm is loaded and /dev/nvidia-uvm is there, \
             nvidia-smi and the node's kernel log, and reboot the node"
        }
        _ => "the NVIDIA driver does not start; see nvidia-smi and the node's kernel log",
    };
    format!("{said} (cuInit gives {code})")
}

/// Whether libtorch has the card of this number, too, or why not.
fn seen(libtorch: &Libtorch, index: usize) -> std::result::Result<(), String> {
    match libtorch {
        Libtorch::Closed(said) => Err(format!(
            "libtorch's part for GPUs can't be loaded ({}); use an image with the CUDA libraries, or --device cpu",
            one_line(said)
        )),
        Libtorch::Open { noticed: false, .. } => Err(
            "libtorch does not notice its part for GPUs, which was loaded; this is a fault of the trainer, please report it".into(),
        ),
        Libtorch::Open { n_cards, .. } if index >= *n_cards => Err(format!(
            "the driver is in order, and libtorch sees {n_cards} GPU(s); what it said on standard error tells why"
        )),
        Libtorch::Open { .. } => Ok(()),
    }
}

/// A CUDA version as people write it.
fn spoken(version: i32) -> String {
    format!("{}.{}", version / 1000, version % 1000 / 10)
}

/// Whether libtorch multiplies bfloat16 matrices on this processor by instructions rather than by emulation: it does so
/// from AVX-512 on, and on 64-bit Arm with the bf16 extension.
pub fn multiplies_bf16() -> bool {
    #[cfg(target_arch = "x86_64")]
    let can = is_x86_feature_detected!("avx512bw")
        && is_x86_feature_detected!("avx512vl")
        && is_x86_feature_detected!("avx512dq");
    #[cfg(target_arch = "aarch64")]
    let can = std::arch::is_aarch64_feature_detected!("bf16");
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    let can = false;
    can
}

#[cfg(test)]
mod tests {
    use super::*;

    fn card(major: i32, minor: i32) -> Card {
        Card {
            name: format!("card {major}.{minor}"),
            capability: (major, minor),
        }
    }

    fn driver(init: i32, version: i32, cards: Vec<Card>) -> Driver {
        Driver::Open {
            init,
            version,
            cards: Ok(cards),
        }
    }

    #[test]
    fn names_are_understood_or_refused() {
        assert_eq!(choose("cpu").unwrap().label(), "cpu");
        assert_eq!(choose("gpu").unwrap_err().code(), 42);
        assert_eq!(choose("cuda:x").unwrap_err().code(), 42);
        assert_eq!(choose("cuda:4096").unwrap_err().code(), 48);
    }

    #[test]
    fn what_the_driver_says_becomes_a_cause_and_a_cure() {
        let no_card = "gives this process no GPU";
        let cases = [
            (Driver::Absent, "no NVIDIA driver here"),
            (Driver::Closed("file too short".into()), "(file too short)"),
            (driver(100, 13_000, vec![]), no_card),
            (driver(0, 13_000, vec![]), no_card),
            (driver(802, 13_000, vec![]), "fabric manager"),
            (driver(803, 13_000, vec![]), "reboot the node"),
            (driver(804, 13_000, vec![]), "compatibility library"),
            (driver(805, 13_000, vec![]), "MPS"),
            (driver(999, 13_000, vec![]), "nvidia_uvm"),
            (driver(46, 13_000, vec![]), "(cuInit gives 46)"),
            (
                driver(0, 12_040, vec![card(9, 0)]),
                "speaks CUDA 12.4, and this libtorch needs 13.0",
            ),
            (driver(0, 12_090, vec![card(9, 0)]), "CUDA 12.9"),
            (driver(0, 13_000, vec![card(6, 0)]), "compute capability 6.0"),
            (driver(0, 13_000, vec![card(7, 0)]), "P100 and V100"),
        ];
        for (driver, part) in cases {
            let cause = usable(&driver, 0).unwrap_err();
            assert!(cause.contains(part), "{driver:?}: {cause}");
        }
        let failed = Driver::Open {
            init: 0,
            version: 13_000,
            cards: Err("cuDeviceGet gives 999".into()),
        };
        assert!(
            usable(&failed, 0)
                .unwrap_err()
                .contains("(cuDeviceGet gives 999)")
        );
        let two = driver(0, 13_010, vec![card(7, 5), card(9, 0)]);
        assert!(
            usable(&two, 2)
                .unwrap_err()
                .starts_with("the driver has 2 GPU(s)")
        );
        assert_eq!(usable(&two, 1), Ok(&card(9, 0)));
    }

    #[test]
    fn what_libtorch_says_becomes_a_cause_and_a_cure() {
        let open = |noticed, n_cards| Libtorch::Open { noticed, n_cards };
        let closed = Libtorch::Closed("libcusparse.so.12: cannot open shared object file".into());
        assert!(
            seen(&closed, 0)
                .unwrap_err()
                .contains("(libcusparse.so.12: cannot open")
        );
        assert!(seen(&open(false, 1), 0).unwrap_err().contains("does not notice"));
        assert!(seen(&open(true, 0), 0).unwrap_err().contains("sees 0 GPU(s)"));
        assert_eq!(seen(&open(true, 2), 1), Ok(()));
    }

    #[test]
    fn a_card_computes_in_bf16_from_ampere_on() {
        let of = |major, minor| on_card(&card(major, minor), 1);
        assert!(!of(7, 5).multiplies_bf16 && of(8, 0).multiplies_bf16 && of(12, 0).multiplies_bf16);
        assert_eq!(of(9, 0).label(), "cuda:1 card 9.0");
        assert!(of(9, 0).is_card());
    }
}
