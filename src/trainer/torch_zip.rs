//! The zip that torch.save writes: where the bytes of each entry lie, which are stored as they are.
//!
//! Format: <https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT>, 4.3 and 4.5.3.

use super::excerpt::excerpt;
use super::stored_tensor::Part;
use std::collections::HashMap;
use std::ops::Range;

/// Bytes of a directory beyond which none goes.
const MAX_DIRECTORY: u64 = 16 << 20;
/// The end record with the longest comment.
const MAX_END: u64 = 22 + 0xffff;

/// The place of each entry's bytes by its name.
///
/// # Errors
/// It is no whole zip, or an entry is compressed.
pub(super) fn entries(part: &Part) -> Result<HashMap<String, Range<u64>>, String> {
    let (n, begin, size) = directory(part)?;
    if size > MAX_DIRECTORY {
        return Err(format!("its directory has {size} bytes"));
    }
    let bytes = part.bytes(begin, size)?;
    let mut entries = HashMap::new();
    let mut rest = Fields(&bytes);
    for _ in 0..n {
        let (name, place) = entry(part, &mut rest)?;
        if entries.insert(name.clone(), place).is_some() {
            return Err(format!("{} is there twice", excerpt(&name)));
        }
    }
    Ok(entries)
}

/// How many entries there are, and where the list of them begins and how long it is.
fn directory(part: &Part) -> Result<(u64, u64, u64), String> {
    let tail_begin = part.len - part.len.min(MAX_END);
    let tail = part.bytes(tail_begin, part.len - tail_begin)?;
    let at = (0..tail.len().saturating_sub(21))
        .rev()
        .find(|at| tail[*at..].starts_with(b"PK\x05\x06"));
    let at = at.ok_or("it is a zip without an end, as a download that broke off leaves it")?;
    let mut end = Fields(&tail[at + 10..]);
    let (n, size, begin) = (end.u16()?, end.u32()?, end.u32()?);
    if u16::MAX != n && u32::MAX != size && u32::MAX != begin {
        return Ok((n.into(), begin.into(), size.into()));
    }
    // The numbers are too large for this record: another one is named in the 20 bytes before it.
    let locator = (tail_begin + at as u64)
        .checked_sub(20)
        .ok_or("its zip has no directory")?;
    let locator = part.bytes(locator, 20)?;
    let mut fields = Fields(&locator);
    fields.signature(b"PK\x06\x07")?;
    fields.skip(4)?;
    let large = part.bytes(fields.u64()?, 56)?;
    let mut fields = Fields(&large);
    fields.signature(b"PK\x06\x06")?;
    fields.skip(28)?;
    let (n, size, begin) = (fields.u64()?, fields.u64()?, fields.u64()?);
    Ok((n, begin, size))
}

/// The next entry of the directory.
fn entry(part: &Part, rest: &mut Fields<'_>) -> Result<(String, Range<u64>), String> {
    rest.signature(b"PK\x01\x02")?;
    rest.skip(4)?;
    let (flags, method) = (rest.u16()?, rest.u16()?);
    rest.skip(8)?;
    let (packed, size) = (rest.u32()?, rest.u32()?);
    let (name, extra, comment) = (rest.u16()?, rest.u16()?, rest.u16()?);
    rest.skip(8)?;
    let header = rest.u32()?;
    let name = String::from_utf8_lossy(rest.take(name.into())?).into_owned();
    let extra = rest.take(extra.into())?;
    rest.skip(comment.into())?;
    if flags & 1 != 0 || method != 0 {
        return Err(format!("{} is compressed or encrypted", excerpt(&name)));
    }
    let [size, packed, header] = whole_sizes(extra, [size, packed, header])?;
    if size != packed {
        return Err(format!("{} has two sizes", excerpt(&name)));
    }
    let local = part.bytes(header, 30)?;
    let mut fields = Fields(&local);
    fields.signature(b"PK\x03\x04")?;
    fields.skip(22)?;
    let begin = header + 30 + u64::from(fields.u16()?) + u64::from(fields.u16()?);
    match begin.checked_add(size).filter(|end| *end <= part.len) {
        Some(end) => Ok((name, begin..end)),
        None => Err(format!("{} goes beyond the end of the file", excerpt(&name))),
    }
}

/// Numbers that do not fit into 32 bits stand in the extra field 1, one after the other.
fn whole_sizes(extra: &[u8], short: [u32; 3]) -> Result<[u64; 3], String> {
    let mut rest = Fields(extra);
    let mut large = Fields(&[]);
    while rest.0.len() >= 4 {
        let (id, n) = (rest.u16()?, rest.u16()?);
        let field = rest.take(n.into())?;
        if id == 1 {
            large = Fields(field);
        }
    }
    let mut sizes = short.map(u64::from);
    for size in &mut sizes {
        if *size == u64::from(u32::MAX) {
            *size = large.u64()?;
        }
    }
    Ok(sizes)
}

/// Bytes that are read field by field.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn take(&mut self, n: usize) -> Result<&'a [u8], String> {
        let (taken, rest) = self
            .0
            .split_at_checked(n)
            .ok_or("its zip's directory is cut off")?;
        self.0 = rest;
        Ok(taken)
    }

    fn skip(&mut self, n: usize) -> Result<(), String> {
        self.take(n).map(|_| ())
    }

    fn signature(&mut self, expected: &[u8]) -> Result<(), String> {
        if self.take(expected.len())? == expected {
            return Ok(());
        }
        Err("its zip's directory is damaged".into())
    }

    fn u16(&mut self) -> Result<u16, String> {
        Ok(u16::from_le_bytes(self.take(2)?.try_into().unwrap_or_default()))
    }

    fn u32(&mut self) -> Result<u32, String> {
        Ok(u32::from_le_bytes(self.take(4)?.try_into().unwrap_or_default()))
    }

    fn u64(&mut self) -> Result<u64, String> {
        Ok(u64::from_le_bytes(self.take(8)?.try_into().unwrap_or_default()))
    }
}
