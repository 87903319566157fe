//! The tensors of a .safetensors file, by their names.

use super::stored_tensor::{Part, Stored, View};
use safetensors::Dtype;
use safetensors::tensor::{Metadata, TensorInfo};
use std::rc::Rc;
use tch::Kind;

/// Bytes of a header beyond which none goes: a hundred thousand tensors have less.
const MAX_HEADER: u64 = 16 << 20;

/// Reads the header, and checks where each tensor of real numbers lies.
///
/// # Errors
/// The file is cut off, or its header is none.
pub(super) fn read(part: &Rc<Part>) -> Result<Vec<(String, Option<Stored>)>, String> {
    let length: [u8; 8] = part.bytes(0, 8)?.try_into().unwrap_or_default();
    let length = u64::from_le_bytes(length);
    if length > MAX_HEADER {
        return Err(format!("its header has {length} bytes"));
    }
    let header = part.bytes(8, length)?;
    let metadata: Metadata = serde_json::from_slice(&header).map_err(|fault| fault.to_string())?;
    let data = 8 + length;
    let infos = metadata.tensors();
    let end = infos.values().map(|info| info.data_offsets.1 as u64).max();
    let expected = data.checked_add(end.unwrap_or(0));
    if expected != Some(part.len) {
        let sentence = "the file has {} bytes, and its header tells of other ones";
        return Err(sentence.replace("{}", &part.len.to_string()));
    }
    let stored = infos
        .into_iter()
        .map(|(name, info)| Ok((name, stored(part, data, info)?)));
    stored.collect()
}

/// One tensor; none if it has no real numbers: position ids and the like are no parameters.
fn stored(part: &Rc<Part>, data: u64, info: &TensorInfo) -> Result<Option<Stored>, String> {
    let kind = match info.dtype {
        Dtype::F64 => Kind::Double,
        Dtype::F32 => Kind::Float,
        Dtype::F16 => Kind::Half,
        Dtype::BF16 => Kind::BFloat16,
        _ => return Ok(None),
    };
    let shape = info.shape.iter().map(|n| i64::try_from(*n));
    let shape = shape.collect::<Result<Vec<i64>, _>>();
    let view = View::whole(shape.map_err(|fault| fault.to_string())?);
    let place = |offset: usize| data.checked_add(offset as u64);
    let range = place(info.data_offsets.0).zip(place(info.data_offsets.1));
    let (begin, end) = range.ok_or("a tensor has no place")?;
    let size = view
        .numel()
        .and_then(|n| n.checked_mul(kind.elt_size_in_bytes() as u64));
    if size != end.checked_sub(begin) {
        return Err("a tensor has another size than its shape".into());
    }
    Stored::new(part, kind, begin..end, view).map(Some)
}
