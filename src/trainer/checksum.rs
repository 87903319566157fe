//! A checksum at the speed of memory: it tells a damaged state from a whole one and one checkpoint from another. It does not
//! withstand anybody who wants two to be equal.
//!
//! Four lanes take eight bytes each in turn. Every step can be undone, so that a change within one lane's word always shows.

use super::random::mix;

const LANES: usize = 4;
const BLOCK: usize = LANES * size_of::<u64>();

/// A checksum of the bytes so far, however they come in pieces.
#[derive(Clone, Debug)]
pub(super) struct Checksum {
    lanes: [u64; LANES],
    /// What does not fill a block yet.
    rest: [u8; BLOCK],
    n_rest: usize,
    n_bytes: u64,
}

impl Checksum {
    /// Of nothing.
    pub(super) fn new() -> Self {
        Self {
            lanes: [1, 2, 3, 4].map(mix),
            rest: [0; BLOCK],
            n_rest: 0,
            n_bytes: 0,
        }
    }

    /// Goes on with these bytes.
    pub(super) fn take(&mut self, mut bytes: &[u8]) {
        self.n_bytes += bytes.len() as u64;
        if self.n_rest > 0 {
            let (now, later) = bytes.split_at(bytes.len().min(BLOCK - self.n_rest));
            self.rest[self.n_rest..][..now.len()].copy_from_slice(now);
            self.n_rest += now.len();
            bytes = later;
            if self.n_rest < BLOCK {
                return;
            }
            take_block(&mut self.lanes, &self.rest);
        }
        let (blocks, rest) = bytes.as_chunks();
        let mut lanes = self.lanes;
        blocks.iter().for_each(|block| take_block(&mut lanes, block));
        self.lanes = lanes;
        self.rest[..rest.len()].copy_from_slice(rest);
        self.n_rest = rest.len();
    }

    /// The checksum in sixteen digits.
    pub(super) fn text(mut self) -> String {
        self.rest[self.n_rest..].fill(0);
        take_block(&mut self.lanes, &self.rest);
        let all = self
            .lanes
            .iter()
            .fold(self.n_bytes, |sum, lane| mix(sum ^ lane).wrapping_add(1));
        format!("{all:016x}")
    }
}

fn take_block(lanes: &mut [u64; LANES], block: &[u8; BLOCK]) {
    let (words, _) = block.as_chunks();
    for (lane, word) in lanes.iter_mut().zip(words) {
        let mixed = (*lane ^ u64::from_le_bytes(*word)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        *lane = mixed.rotate_left(29);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of(pieces: &[&[u8]]) -> String {
        let mut sum = Checksum::new();
        pieces.iter().for_each(|piece| sum.take(piece));
        sum.text()
    }

    #[test]
    fn it_is_the_same_on_every_machine_and_in_every_version() {
        assert_eq!(of(&[]), "53b4a666fa4ddf26");
        assert_eq!(
            of(&[b"a state of a run, in more than a single block"]),
            "933cad2c0fda5632"
        );
    }

    proptest! {
        #[test]
        fn pieces_make_no_difference_and_every_bit_does(
            bytes in prop::collection::vec(any::<u8>(), 1..200), cut in any::<prop::sample::Index>(),
            flipped in any::<prop::sample::Index>(), bit in 0..8_u8,
        ) {
            let whole = of(&[&bytes]);
            let (a, b) = bytes.split_at(cut.index(bytes.len()));
            let (b, c) = b.split_at(b.len() / 2);
            prop_assert_eq!(&of(&[a, b, c]), &whole);
            let mut other = bytes.clone();
            other[flipped.index(bytes.len())] ^= 1_u8 << bit;
            prop_assert_ne!(&of(&[&other]), &whole);
            other = bytes.clone();
            other.push(0);
            prop_assert_ne!(&of(&[&other]), &whole);
        }
    }
}
