//! States on disk, whole and damaged ones.

use super::*;
use proptest::prelude::*;
use std::path::PathBuf;

/// Of a window and a bit, of one number, and of none.
const SIZES: [i64; 6] = [(WINDOW / 4 + 3) as i64, 40, 1, 0, 64, 7];

fn tensors(sizes: [i64; 6]) -> [Tensor; 6] {
    sizes.map(|n| Tensor::arange(n, (Kind::Float, Device::Cpu)) * 0.37)
}

fn path(name: &str) -> PathBuf {
    std::env::temp_dir().join(format!("state-{}-{name}", std::process::id()))
}

/// A state with little in it, as bytes.
fn small(name: &str) -> Vec<u8> {
    let path = path(name);
    write(&path, "how far it is".into(), &tensors([40, 8, 40, 8, 40, 8])).unwrap();
    let bytes = std::fs::read(&path).unwrap();
    std::fs::remove_file(path).unwrap();
    bytes
}

fn read(name: &str, bytes: &[u8]) -> Result<StateFile> {
    let path = path(name);
    std::fs::write(&path, bytes).unwrap();
    let state = File::open(&path).and_then(StateFile::read);
    std::fs::remove_file(path).unwrap();
    state
}

#[test]
fn what_was_written_is_read_again() {
    let (path, there) = (path("whole"), tensors(SIZES));
    write(&path, "how far it is".into(), &there).unwrap();
    let mut state = StateFile::read(File::open(&path).unwrap()).unwrap();
    std::fs::remove_file(path).unwrap();
    assert_eq!((state.text.as_str(), state.sizes()), ("how far it is", SIZES));
    let mut here = tensors(SIZES).map(|tensor| tensor.zeros_like());
    state.copy_to(&mut here).unwrap();
    assert_eq!(here, there);
    assert_eq!(checksum(&here), checksum(&there));
    let _ = here[1].get(39).g_add_scalar_(1.0);
    assert_ne!(checksum(&here), checksum(&there));
}

#[test]
fn a_state_of_an_earlier_version_has_no_checksum() {
    let bytes = small("small");
    let text = String::from_utf8_lossy(&bytes[8..]).into_owned();
    let sum = text.find("\"checksum\":\"").unwrap() + 8;
    let mut other = bytes.clone();
    other[sum + 1..sum + 9].copy_from_slice(b"anything");
    let state = read("old", &other).unwrap();
    assert!(!state.has_checksum && read("new", &bytes).unwrap().has_checksum);
}

/// What happens to a file.
#[derive(Clone, Debug)]
enum Harm {
    Cut(prop::sample::Index),
    Flip(prop::sample::Index, u8),
    FlipInHeader(prop::sample::Index, u8),
    Zeros(prop::sample::Index, usize),
    Add(Vec<u8>),
    HeaderLength(u64),
    Number(prop::sample::Index, u64),
}

fn harm() -> impl Strategy<Value = Harm> {
    let place = || any::<prop::sample::Index>();
    prop_oneof![
        place().prop_map(Harm::Cut),
        (place(), 0..8_u8).prop_map(|(place, bit)| Harm::Flip(place, bit)),
        (place(), 0..8_u8).prop_map(|(place, bit)| Harm::FlipInHeader(place, bit)),
        (place(), 1..5000_usize).prop_map(|(place, n)| Harm::Zeros(place, n)),
        prop::collection::vec(any::<u8>(), 1..50).prop_map(Harm::Add),
        prop_oneof![any::<u64>(), 0..2000_u64, (0..64_u32).prop_map(|bit| 1 << bit)]
            .prop_map(Harm::HeaderLength),
        (place(), prop_oneof![any::<u64>(), 0..2000_u64]).prop_map(|(place, n)| Harm::Number(place, n)),
    ]
}

impl Harm {
    fn done_to(&self, bytes: &[u8]) -> Vec<u8> {
        let mut bytes = bytes.to_vec();
        let (length, n_header) = (bytes.len(), header_length(&bytes));
        match self {
            Self::Cut(place) => bytes.truncate(place.index(length)),
            Self::Flip(place, bit) => bytes[place.index(length)] ^= 1 << bit,
            Self::FlipInHeader(place, bit) => bytes[8 + place.index(n_header.max(1))] ^= 1 << bit,
            Self::Zeros(place, n) => {
                let first = place.index(length);
                bytes[first..length.min(first + n)].fill(0);
            }
            Self::Add(more) => bytes.extend(more),
            Self::HeaderLength(n) => bytes[..8].copy_from_slice(&n.to_le_bytes()),
            Self::Number(place, n) => return with_number(&bytes, *place, *n),
        }
        bytes
    }
}

fn header_length(bytes: &[u8]) -> usize {
    u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize
}

/// One of the header's shapes and offsets replaced, and a header that is as long as it says.
fn with_number(bytes: &[u8], place: prop::sample::Index, number: u64) -> Vec<u8> {
    let n_header = header_length(bytes);
    let Ok(header) = std::str::from_utf8(&bytes[8..8 + n_header]) else {
        return bytes.to_vec();
    };
    let pattern = regex::Regex::new(r"\b\d+\b(?:[,\]])").unwrap();
    let found: Vec<_> = pattern.find_iter(header).collect();
    if found.is_empty() {
        return bytes.to_vec();
    }
    let number_there = found[place.index(found.len())];
    let (first, last) = (number_there.start(), number_there.end() - 1);
    let header = format!("{}{number}{}", &header[..first], &header[last..]);
    let length = (header.len() as u64).to_le_bytes();
    [&length, header.as_bytes(), &bytes[8 + n_header..]].concat()
}

#[test]
fn a_header_that_never_ends_is_no_state() {
    let open = "{\"a\":".repeat(1 << 20);
    let length = (open.len() as u64).to_le_bytes();
    assert!(read("deep", &[&length, open.as_bytes()].concat()).is_err());
    for bytes in [&[][..], &[0; 7], &[0; 8], &[255; 100]] {
        assert!(read("short", bytes).is_err(), "{bytes:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_damaged_state_is_never_taken(harms in prop::collection::vec(harm(), 1..4)) {
        let whole = small("unharmed");
        let bytes = harms.iter().fold(whole.clone(), |bytes, harm| {
            if bytes.len() > 8 && header_length(&bytes) <= bytes.len() - 8 { harm.done_to(&bytes) } else { bytes }
        });
        let mut state = None;
        let used = allocation_counter::measure(|| state = Some(read("harmed", &bytes)));
        prop_assert!(used.bytes_max < 64 << 10, "{} bytes of memory", used.bytes_max);
        // Other spaces in the header make no difference. Where the checksum itself has lost its name nothing can be told: the
        // one who reads has to ask for it.
        if let Some(Ok(state)) = state && state.has_checksum {
            prop_assert_eq!((state.text.as_str(), state.sizes()), ("how far it is", [40, 8, 40, 8, 40, 8]));
        }
    }
}
