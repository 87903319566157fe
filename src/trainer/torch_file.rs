//! The tensors of a file that `torch.save(model.state_dict())` wrote, by their names.
//!
//! Since torch 1.6 that is a zip: `…/data.pkl` tells of the tensors, `…/data/KEY` are their numbers. Before, it is five pickles,
//! the fourth of them the state dict and the fifth the keys, and then each storage's numbers.

use super::excerpt::excerpt;
use super::pickle::Machine;
use super::pickle_objects::{Element, Pickled, Storage, Value};
use super::stored_tensor::{Part, Stored};
use super::torch_zip;
use std::collections::HashMap;
use std::ops::Range;
use std::rc::Rc;

/// Bytes of pickles beyond which no state dict goes: a tensor takes two hundred.
const MAX_PICKLES: u64 = 16 << 20;

/// The first pickle before torch 1.6: a number that marks the format.
const MAGIC: [u8; 15] = [
    0x80, 0x02, 0x8a, 0x0a, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19, b'.',
];

/// Reads which tensors there are, and checks where each one of real numbers lies.
///
/// # Errors
/// It is no such file, or not a whole one.
pub(super) fn read(part: &Rc<Part>) -> Result<Vec<(String, Option<Stored>)>, String> {
    let begin = part.bytes(0, part.len.min(MAGIC.len() as u64))?;
    if begin.starts_with(b"PK\x03\x04") {
        in_zip(part)
    } else if begin == MAGIC {
        in_pickles(part)
    } else {
        Err("it is not what torch.save writes since torch 0.1.10".into())
    }
}

fn in_zip(part: &Rc<Part>) -> Result<Vec<(String, Option<Stored>)>, String> {
    let entries = torch_zip::entries(part)?;
    let folder = entries.keys().find_map(|name| name.strip_suffix("data.pkl"));
    let folder = folder.filter(|folder| folder.ends_with('/'));
    let folder = folder.ok_or("its zip has no data.pkl, so torch.save did not write it")?;
    let entry = |name: &str| entries.get(&format!("{folder}{name}"));
    let contents = |place: &Range<u64>| {
        let size = place.end - place.start;
        if size > MAX_PICKLES {
            return Err(format!("its pickle has {size} bytes"));
        }
        part.bytes(place.start, size)
    };
    if let Some(place) = entry("byteorder")
        && contents(place)? != b"little"
    {
        return Err("its numbers have their highest byte first".into());
    }
    let pickle = contents(entry("data.pkl").ok_or("its zip has no data.pkl")?)?;
    let mut machine = Machine::new(&pickle);
    let root = machine.run()?;
    let place = |storage: &Storage| {
        let entry = entry(&format!("data/{}", storage.key));
        entry.cloned().map_or(0..0, |place| place)
    };
    stored(part, &machine.tensors(&root)?, place)
}

fn in_pickles(part: &Rc<Part>) -> Result<Vec<(String, Option<Stored>)>, String> {
    let bytes = part.bytes(0, part.len.min(MAX_PICKLES))?;
    let mut machine = Machine::new(&bytes[MAGIC.len()..]);
    if !matches!(machine.run()?, Value::Int(1001)) {
        return Err("it is of another version than torch.save writes".into());
    }
    let system = machine.run()?;
    let little = |(key, value): &(Value, Value)| matches!((key, value), (Value::Text(key), Value::Bool(true)) if &**key == "little_endian");
    if !machine
        .dict(&system)
        .is_some_and(|pairs| pairs.iter().any(little))
    {
        return Err("its numbers have their highest byte first".into());
    }
    let root = machine.run()?;
    let keys = machine.run()?;
    let mut begin = (bytes.len() - machine.rest().len()) as u64;
    let mut places = HashMap::new();
    for key in machine.list(&keys).ok_or("it has no list of storages")? {
        let storage = match key {
            Value::Text(key) => machine.storages.get(&**key),
            _ => None,
        };
        let storage = storage.ok_or("it lists a storage of which it does not tell")?;
        let n: [u8; 8] = part.bytes(begin, 8)?.try_into().unwrap_or_default();
        if u64::from_le_bytes(n) != storage.n {
            return Err(format!("the storage {} has two lengths", excerpt(&storage.key)));
        }
        let end = length(storage).and_then(|length| (begin + 8).checked_add(length));
        let end = end.filter(|end| *end <= part.len);
        let end = end.ok_or("a storage goes beyond the end of the file")?;
        places.insert(storage.key.as_str(), begin + 8..end);
        begin = end;
    }
    stored(part, &machine.tensors(&root)?, |storage| {
        places.get(storage.key.as_str()).cloned().unwrap_or(0..0)
    })
}

fn length(storage: &Storage) -> Option<u64> {
    storage.n.checked_mul(storage.element.bytes())
}

/// The tensors of real numbers, with the place of each one's storage checked; none is where `place` finds no bytes.
fn stored(
    part: &Rc<Part>,
    tensors: &[(String, Rc<Pickled>)],
    place: impl Fn(&Storage) -> Range<u64>,
) -> Result<Vec<(String, Option<Stored>)>, String> {
    let mut all = Vec::new();
    for (name, tensor) in tensors {
        let Element::Real(kind) = tensor.storage.element else {
            all.push((name.clone(), None));
            continue;
        };
        let place = place(&tensor.storage);
        let there = place.end - place.start;
        let end = length(&tensor.storage).filter(|length| *length <= there);
        let end = end.ok_or_else(|| format!("the numbers of {} are missing or cut off", excerpt(name)))?;
        let storage = place.start..place.start + end;
        let stored = Stored::new(part, kind, storage, tensor.view.clone());
        all.push((
            name.clone(),
            Some(stored.map_err(|said| format!("{}: {said}", excerpt(name)))?),
        ));
    }
    Ok(all)
}
