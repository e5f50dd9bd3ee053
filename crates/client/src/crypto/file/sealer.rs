//! Streaming encryption of a file.

use std::fmt;

use less_sync_core::{FileId, SpaceId};

use super::{Cutter, FILE_SEGMENT, Secret, Segments, VERSION};

/// Encrypts one file from its beginning to its end, with one segment in memory.
pub struct FileSealer {
    segments: Segments,
    cutter: Cutter,
}

impl FileSealer {
    pub(crate) fn new(key: &Secret, space: SpaceId, file: FileId) -> Self {
        Self { segments: Segments::new(key, space, file, 0), cutter: Cutter::new(FILE_SEGMENT) }
    }

    /// Encrypts the next bytes of the content, and appends ciphertext to `sealed`.
    pub fn update(&mut self, mut content: &[u8], sealed: &mut Vec<u8>) {
        loop {
            content = self.cutter.fill(content);
            if content.is_empty() {
                return;
            }
            self.seal(false, sealed);
        }
    }

    /// Encrypts the last segment.
    pub fn finish(mut self, sealed: &mut Vec<u8>) {
        self.seal(true, sealed);
    }

    fn seal(&mut self, is_last: bool, sealed: &mut Vec<u8>) {
        if self.segments.number == 0 {
            sealed.push(VERSION);
        }
        sealed.extend_from_slice(&self.segments.seal(&self.cutter.held, is_last));
        self.cutter.held.clear();
    }
}

impl fmt::Debug for FileSealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileSealer").field("segment", &self.segments.number).finish_non_exhaustive()
    }
}
