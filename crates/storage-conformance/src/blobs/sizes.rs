//! Sizes at which something may change, and contents that show it.

use bytes::Bytes;

/// Half of the smallest part that S3 takes, and that part; what a single request holds at most.
pub(super) const PART: usize = 5 << 20;

/// Sizes: empty, small, at a limit of the original, and around multiples of a part (http §11 H1).
pub(super) const SIZES: [usize; 8] = [0, 1, 2_097_152, 2_097_153, PART - 1, PART, PART + 1, 20 << 20];

/// The most that a reader is handed at once.
pub(super) const PIECE: usize = 256 * 1024;

/// Bytes that differ from one offset to the next and from one `seed` to the next, so that no two parts look alike.
pub(super) fn content(seed: u64, size: usize) -> Bytes {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut bytes = Vec::with_capacity(size + 8);
    while bytes.len() < size {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(size);
    bytes.into()
}

/// Cuts bytes into pieces as a socket may deliver them.
pub(super) fn pieces(bytes: &Bytes, size: usize) -> impl Iterator<Item = Bytes> {
    let mut rest = bytes.clone();
    std::iter::from_fn(move || {
        let piece = rest.split_to(size.min(rest.len()));
        (!piece.is_empty()).then_some(piece)
    })
}
