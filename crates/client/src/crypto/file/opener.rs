//! Streaming decryption of a file.

use std::fmt;

use less_sync_core::{FileId, SpaceId};

use super::{Cutter, DecryptionError, SEALED_SEGMENT, Secret, Segments, VERSION};

/// Decrypts one file from a segment to its end, with one segment in memory. Output of [`FileOpener::update`] is authentic;
/// only [`FileOpener::finish`] proves that it is complete.
pub struct FileOpener {
    segments: Segments,
    cutter: Cutter,
    expects_version: bool,
}

impl FileOpener {
    pub(crate) fn new(key: &Secret, space: SpaceId, file: FileId, from: u64) -> Self {
        let segments = Segments::new(key, space, file, from);
        Self { segments, cutter: Cutter::new(SEALED_SEGMENT), expects_version: from == 0 }
    }

    /// Decrypts the next bytes of the ciphertext, and appends authenticated content to `content`.
    ///
    /// # Errors
    /// See [`DecryptionError`]; content appended by the failed call must be discarded.
    pub fn update(&mut self, sealed: &[u8], content: &mut Vec<u8>) -> Result<(), DecryptionError> {
        let mut rest = self.skip_version(sealed)?;
        loop {
            rest = self.cutter.fill(rest);
            if rest.is_empty() {
                return Ok(());
            }
            self.open(false, content)?;
        }
    }

    /// Decrypts the last segment.
    ///
    /// # Errors
    /// [`DecryptionError::Damaged`] if the ciphertext is truncated or modified.
    pub fn finish(mut self, content: &mut Vec<u8>) -> Result<(), DecryptionError> {
        self.open(true, content)
    }

    fn skip_version<'o>(&mut self, sealed: &'o [u8]) -> Result<&'o [u8], DecryptionError> {
        if !self.expects_version {
            return Ok(sealed);
        }
        match sealed.split_first() {
            Some((&VERSION, rest)) => {
                self.expects_version = false;
                Ok(rest)
            }
            Some(_) => Err(DecryptionError::NotEncrypted),
            None => Ok(sealed),
        }
    }

    fn open(&mut self, is_last: bool, content: &mut Vec<u8>) -> Result<(), DecryptionError> {
        content.extend_from_slice(&self.segments.open(&self.cutter.held, is_last)?);
        self.cutter.held.clear();
        Ok(())
    }
}

impl fmt::Debug for FileOpener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileOpener").field("segment", &self.segments.number).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::super::{FILE_SEGMENT, FileSealer, sealed_size, segment_offset};
    use super::*;

    const SPACE: SpaceId = SpaceId::from_bytes([1; 16]);
    const FILE: FileId = FileId::from_bytes([2; 16]);
    const SEGMENT: usize = FILE_SEGMENT;

    fn key() -> Secret {
        Secret::from_bytes([7; 32])
    }

    fn content(size: usize) -> Vec<u8> {
        (0..size).map(|index| u8::try_from(index % 251).unwrap()).collect()
    }

    fn sealed(content: &[u8]) -> Vec<u8> {
        let (mut sealer, mut object) = (FileSealer::new(&key(), SPACE, FILE), Vec::new());
        sealer.update(content, &mut object);
        sealer.finish(&mut object);
        object
    }

    fn opened_from(number: u64, sealed: &[u8]) -> Result<Vec<u8>, DecryptionError> {
        let (mut opener, mut content) = (FileOpener::new(&key(), SPACE, FILE, number), Vec::new());
        opener.update(sealed, &mut content)?;
        opener.finish(&mut content).map(|()| content)
    }

    fn opened(sealed: &[u8]) -> Result<Vec<u8>, DecryptionError> {
        opened_from(0, sealed)
    }

    #[test]
    fn files_of_sizes_around_a_segment_round_trip_in_pieces_of_any_size() {
        for size in [0, 1, SEGMENT - 1, SEGMENT, SEGMENT + 1, 2 * SEGMENT, 2 * SEGMENT + 1] {
            let content = content(size);
            let whole = sealed(&content);
            assert_eq!(whole.len() as u64, sealed_size(size as u64));
            for piece in [1000, SEGMENT, SEGMENT + 16, 3 * SEGMENT] {
                let (mut sealer, mut pieces) = (FileSealer::new(&key(), SPACE, FILE), Vec::new());
                content.chunks(piece).for_each(|part| sealer.update(part, &mut pieces));
                sealer.finish(&mut pieces);
                assert!(pieces == whole, "{size} bytes in pieces of {piece}");
                let (mut opener, mut again) = (FileOpener::new(&key(), SPACE, FILE, 0), Vec::new());
                whole.chunks(piece).for_each(|part| opener.update(part, &mut again).unwrap());
                opener.finish(&mut again).unwrap();
                assert!(again == content, "{size} bytes in pieces of {piece}");
            }
        }
    }

    #[test]
    fn decryption_can_start_at_any_segment() {
        let content = content(2 * SEGMENT + 5);
        let sealed = sealed(&content);
        for number in 0..=2 {
            let at = usize::try_from(segment_offset(number)).unwrap();
            let from = usize::try_from(number).unwrap() * SEGMENT;
            assert!(opened_from(number, &sealed[at..]).unwrap() == content[from..]);
            assert_eq!(opened_from(number + 1, &sealed[at..]), Err(DecryptionError::Damaged));
        }
    }

    #[test]
    fn truncation_and_extension_are_detected() {
        let two = sealed(&content(2 * SEGMENT));
        let boundary = usize::try_from(segment_offset(1)).unwrap();
        for end in [1, 2, 17, 18, boundary - 1, boundary, boundary + 1, boundary + 16, two.len() - 1] {
            assert_eq!(opened(&two[..end]), Err(DecryptionError::Damaged), "cut at {end}");
        }
        assert_eq!(opened(b""), Err(DecryptionError::Damaged));
        assert_eq!(opened(&[&two[..], b"x"].concat()), Err(DecryptionError::Damaged));
    }

    #[test]
    fn swapped_repeated_and_missing_segments_are_detected() {
        let three = sealed(&content(2 * SEGMENT + 9));
        let segments: Vec<&[u8]> = three[1..].chunks(SEALED_SEGMENT).collect();
        let [first, second, last] = segments[..] else { panic!("{} segments", segments.len()) };
        for order in [
            &[second, first, last][..],
            &[first, first, last],
            &[first, last],
            &[second, last],
            &[first, second, last, last],
            &[first, second],
        ] {
            assert_eq!(opened(&[&[VERSION][..], &order.concat()].concat()), Err(DecryptionError::Damaged));
        }
        assert!(opened(&[&[VERSION][..], first, second, last].concat()).is_ok());
    }

    #[test]
    fn ciphertext_of_another_file_space_or_key_is_detected() {
        let sealed = sealed(b"content");
        let other_file = FileOpener::new(&key(), SPACE, FileId::from_bytes([3; 16]), 0);
        let other_space = FileOpener::new(&key(), SpaceId::from_bytes([3; 16]), FILE, 0);
        let other_key = FileOpener::new(&Secret::random(), SPACE, FILE, 0);
        for mut opener in [other_file, other_space, other_key] {
            let mut content = Vec::new();
            opener.update(&sealed, &mut content).unwrap();
            assert_eq!(opener.finish(&mut content), Err(DecryptionError::Damaged));
            assert!(content.is_empty());
        }
    }

    #[test]
    fn every_byte_is_authenticated_and_other_formats_are_reported() {
        let sealed = sealed(b"content");
        for index in 0..sealed.len() {
            let mut tampered = sealed.clone();
            tampered[index] ^= 2;
            let why = if index == 0 { DecryptionError::NotEncrypted } else { DecryptionError::Damaged };
            assert_eq!(opened(&tampered), Err(why), "byte {index}");
        }
    }

    /// An empty last segment would be a second encoding of the same content.
    #[test]
    fn empty_last_segment_is_rejected() {
        let mut segments = Segments::new(&key(), SPACE, FILE, 0);
        let first = segments.seal(&content(SEGMENT), false);
        let end = segments.seal(b"", true);
        assert_eq!(opened(&[&[VERSION][..], &first, &end].concat()), Err(DecryptionError::Damaged));
    }

    /// Vector of another implementation of AES-GCM: key 07 07 …, space 01 01 …, file 02 02 …
    #[test]
    fn vector_of_another_implementation_is_decrypted() {
        let sealed = "01582dd50c5bed872dc402481186fa05ef8a4ce7879a";
        let bytes: Vec<u8> = (0..sealed.len())
            .step_by(2)
            .map(|at| u8::from_str_radix(&sealed[at..at + 2], 16).unwrap())
            .collect();
        assert_eq!(opened(&bytes).unwrap(), b"hello");
    }
}
