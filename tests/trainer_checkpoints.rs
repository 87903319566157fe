//! Every form in which torch and safetensors write a state dict is read; whatever else stands in such a file ends in a sentence.
#![cfg(feature = "trainer")]

#[path = "fixtures/trainer/scratch.rs"]
mod scratch;

use scratch::Scratch;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use tch::Kind;
use tuning_operator::trainer::checkpoint_files::CheckpointFile;

#[derive(Deserialize)]
struct Expected {
    shape: Vec<i64>,
    values: Vec<f64>,
}

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/trainer")
}

fn expected() -> BTreeMap<String, Expected> {
    let text = std::fs::read_to_string(fixtures().join("torch/expected.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

/// A checkpoint folder with this file.
fn folder_with(test: &str, name: &str, file: &str) -> Scratch {
    let scratch = Scratch::new(test);
    std::fs::copy(fixtures().join("torch").join(file), scratch.0.join(name)).unwrap();
    scratch
}

fn refused(folder: &Path) -> String {
    let said = CheckpointFile::read(folder).unwrap_err().to_string();
    assert!(said.len() < 600 && !said.contains(char::is_control), "{said}");
    said
}

#[test]
fn whatever_torch_writes_for_a_state_dict_is_read() {
    for (name, file) in [
        ("pytorch_model.bin", "ordered.bin"),
        ("pytorch_model.bin", "plain.bin"),
        ("pytorch_model.bin", "protocol4.bin"),
        ("pytorch_model.bin", "protocol5.bin"),
        ("pytorch_model.bin", "legacy.bin"),
        ("model.safetensors", "same.safetensors"),
    ] {
        let scratch = folder_with("forms", name, file);
        let read = CheckpointFile::read(&scratch.0).unwrap();
        for (name, expected) in expected() {
            let tensor = read
                .get(&name, &expected.shape)
                .unwrap_or_else(|fault| panic!("{file}: {name}: {fault}"));
            assert_eq!(tensor.kind(), Kind::Float);
            let values = Vec::<f64>::try_from(tensor.flatten(0, -1).to_kind(Kind::Double)).unwrap();
            assert_eq!(values, expected.values, "{file}: {name}");
        }
        assert!(
            read.get("position_ids", &[1, 7]).is_err(),
            "whole numbers are no parameters"
        );
    }
}

/// The same zip with every size and place in the fields of 64 bits, as a file beyond 4 GB has them.
fn in_64_bits(zip: &[u8]) -> Vec<u8> {
    let number = |at: usize, n: usize| {
        zip[at..at + n]
            .iter()
            .rev()
            .fold(0, |sum, byte| sum << 8 | u64::from(*byte))
    };
    let end = zip.len() - 22;
    let (n, begin) = (number(end + 10, 2), number(end + 16, 4) as usize);
    let (mut directory, mut at) = (Vec::new(), begin);
    for _ in 0..n {
        let mut header = zip[at..at + 46].to_vec();
        header[20..28].fill(0xff);
        header[42..46].fill(0xff);
        header[30..32].copy_from_slice(&28_u16.to_le_bytes());
        header[32..34].fill(0);
        let [name, extra, comment] = [28, 30, 32].map(|field| number(at + field, 2) as usize);
        directory.extend(header);
        directory.extend(&zip[at + 46..at + 46 + name]);
        directory.extend([1, 0, 24, 0]);
        for field in [24, 20, 42] {
            directory.extend(number(at + field, 4).to_le_bytes());
        }
        at += 46 + name + extra + comment;
    }
    let mut whole = [&zip[..begin], &directory].concat();
    let end = whole.len() as u64;
    whole.extend(b"PK\x06\x06\x2c\0\0\0\0\0\0\0\x2d\0\x2d\0\0\0\0\0\0\0\0\0");
    for number in [n, n, directory.len() as u64, begin as u64] {
        whole.extend(number.to_le_bytes());
    }
    whole.extend(b"PK\x06\x07\0\0\0\0");
    whole.extend(end.to_le_bytes());
    whole.extend(b"\x01\0\0\0PK\x05\x06\0\0\0\0");
    whole.extend([0xff; 12]);
    whole.extend([0, 0]);
    whole
}

#[test]
fn a_zip_of_more_than_four_gigabytes_has_other_fields() {
    let scratch = folder_with("large", "pytorch_model.bin", "ordered.bin");
    let path = scratch.0.join("pytorch_model.bin");
    let zip = std::fs::read(&path).unwrap();
    std::fs::write(&path, in_64_bits(&zip)).unwrap();
    let read = CheckpointFile::read(&scratch.0).unwrap();
    for (name, expected) in expected() {
        let tensor = read.get(&name, &expected.shape).unwrap();
        let values = Vec::<f64>::try_from(tensor.flatten(0, -1).to_kind(Kind::Double)).unwrap();
        assert_eq!(values, expected.values, "{name}");
    }
}

#[test]
fn whatever_else_is_pickled_is_refused_by_name() {
    for (file, part) in [
        (
            "call.bin",
            "\"__builtin__.eval\", which is no part of a state dict",
        ),
        ("module.bin", "torch.nn.modules.linear.Linear"),
        ("nested.bin", "as model.state_dict() does"),
        ("pickled.bin", "not what torch.save writes"),
        ("compressed.bin", "compressed"),
        ("expected.json", "not what torch.save writes"),
    ] {
        let said = refused(&folder_with("refused", "pytorch_model.bin", file).0);
        assert!(
            said.contains(part) && said.contains("pytorch_model.bin"),
            "{file}: {said}"
        );
    }
}

#[test]
fn shards_are_read_and_what_is_missing_is_named() {
    for (relative, index, shard) in [
        (
            "roberta",
            "model.safetensors.index.json",
            "model-00002-of-00002.safetensors",
        ),
        (
            "bert",
            "pytorch_model.bin.index.json",
            "pytorch_model-00002-of-00002.bin",
        ),
    ] {
        let scratch = Scratch::new("shards");
        scratch.copy_all(&fixtures().join("relatives").join(relative));
        let text = std::fs::read_to_string(scratch.0.join(index)).unwrap();
        let read = CheckpointFile::read(&scratch.0).unwrap();
        assert!(read.get("qa_outputs.bias", &[2]).is_ok());
        assert!(read.get("classifier.nothing", &[2]).is_err());
        let with = |old: &str, new: &str| {
            assert!(text.contains(old), "{old}");
            std::fs::write(scratch.0.join(index), text.replace(old, new)).unwrap();
            let said = refused(&scratch.0);
            assert!(said.contains(index), "{said}");
            said
        };
        assert!(with("qa_outputs.bias", "qa_outputs.other").contains("has no tensor \"qa_outputs.other\""));
        assert!(with(shard, "../x").contains("\"../x\" is no file of this folder"));
        assert!(with(shard, "/etc/passwd").contains("is no file of this folder"));
        assert!(with(shard, "..").contains("is no file of this folder"));
        assert!(with(shard, "\\u0000").contains("missing"));
        with("weight_map", "map");
        with("{", "{{");
        std::fs::write(scratch.0.join(index), &text).unwrap();
        std::fs::remove_file(scratch.0.join(shard)).unwrap();
        let said = refused(&scratch.0);
        assert!(said.contains(shard) && said.contains("missing"), "{said}");
    }
}

/// SplitMix64 (Steele et al. 2014): the same numbers on every machine.
struct Chance(u64);

impl Chance {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % n.max(1) as u64) as usize
    }
}

/// Changes some bytes of `original`, as a disk, a network or an attacker might.
fn mutated(original: &[u8], chance: &mut Chance) -> Vec<u8> {
    let mut bytes = original.to_vec();
    let mut below = |n: usize| chance.below(n);
    for _ in 0..=below(3) {
        let (at, n) = (below(bytes.len()), below(40));
        match below(8) {
            0 => bytes.truncate(at),
            1..=2 => bytes[at] ^= 1 << below(8),
            3..=4 => bytes[at] = [0, 1, 0x7f, 0x80, 0xff, b'.', b'R', b'('][below(8)],
            5 => {
                let from = below(original.len());
                let piece = &original[from..(from + n).min(original.len())];
                bytes.splice(at..at, piece.iter().copied());
            }
            6 => {
                let end = (at + n).min(bytes.len());
                bytes.drain(at..end);
            }
            _ => {
                let end = (at + 8).min(bytes.len());
                bytes[at..end].fill([0, 0xff][below(2)]);
            }
        }
        if bytes.is_empty() {
            break;
        }
    }
    bytes
}

const N_MUTATIONS: usize = 8_000;

#[test]
fn a_damaged_file_is_read_or_refused_in_a_sentence() {
    let names: BTreeMap<String, Expected> = expected();
    let (mut total, mut n_read, mut n_got) = (0, 0, 0);
    let files = [
        ("pytorch_model.bin", "ordered.bin"),
        ("pytorch_model.bin", "protocol4.bin"),
        ("pytorch_model.bin", "legacy.bin"),
        ("pytorch_model.bin", "call.bin"),
        ("model.safetensors", "same.safetensors"),
    ];
    for ((name, file), number) in files.into_iter().zip(0..) {
        let scratch = Scratch::new("damaged");
        let original = std::fs::read(fixtures().join("torch").join(file)).unwrap();
        let mut chance = Chance(number);
        let mut sentences = std::collections::BTreeSet::new();
        for _ in 0..N_MUTATIONS {
            // A file system waits for the disk where a file is written over.
            let _ = std::fs::remove_file(scratch.0.join(name));
            std::fs::write(scratch.0.join(name), mutated(&original, &mut chance)).unwrap();
            total += 1;
            let check = |said: &str| {
                assert!(said.len() < 600 && !said.contains(char::is_control), "{said:?}");
            };
            match CheckpointFile::read(&scratch.0) {
                Ok(read) => {
                    n_read += 1;
                    for (name, expected) in &names {
                        match read.get(name, &expected.shape) {
                            Ok(tensor) => {
                                n_got += 1;
                                assert_eq!(tensor.size(), expected.shape);
                            }
                            Err(fault) => check(&fault.to_string()),
                        }
                    }
                }
                Err(fault) => {
                    let said = fault.to_string();
                    check(&said);
                    sentences.insert(said.replace(|c: char| c.is_ascii_digit(), ""));
                }
            }
        }
        println!(
            "{file}: {N_MUTATIONS} mutations, {} different sentences",
            sentences.len()
        );
    }
    println!(
        "{total} mutations: {n_read} read, {} refused; {n_got} tensors of them read",
        total - n_read
    );
}
