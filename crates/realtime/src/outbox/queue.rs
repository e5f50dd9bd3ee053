//! FIFO queue bounded in frames and bytes that releases its memory after a burst.

use std::collections::VecDeque;

/// Capacity that an empty queue keeps, in frames, so that single frames do not allocate each time.
const SPARE: usize = 4;

/// Queue entry whose size counts.
pub(super) trait QueueEntry {
    /// Size in bytes.
    fn size(&self) -> usize;
}

/// FIFO queue with a running total of bytes.
#[derive(Debug)]
pub(super) struct Queue<T> {
    frames: VecDeque<T>,
    bytes: usize,
}

impl<T> Default for Queue<T> {
    fn default() -> Self {
        Self { frames: VecDeque::new(), bytes: 0 }
    }
}

impl<T: QueueEntry> Queue<T> {
    pub(super) fn len(&self) -> usize {
        self.frames.len()
    }

    /// Total size of the entries, in bytes.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn is_empty(&self) -> bool {
        self.frames.is_empty()
    }

    /// True if a frame of `size` bytes stays within the bounds. An empty queue accepts any frame: otherwise one larger than
    /// the bound could never be sent.
    pub(super) fn fits(&self, size: usize, frames: usize, bytes: usize) -> bool {
        self.is_empty() || (self.frames.len() < frames && self.bytes + size <= bytes)
    }

    pub(super) fn push(&mut self, entry: T) {
        self.bytes += entry.size();
        self.frames.push_back(entry);
    }

    pub(super) fn pop(&mut self) -> Option<T> {
        let entry = self.frames.pop_front()?;
        self.bytes -= entry.size();
        self.release_memory();
        Some(entry)
    }

    pub(super) fn retain(&mut self, keep: impl FnMut(&T) -> bool) {
        if !self.is_empty() {
            self.frames.retain(keep);
            self.bytes = self.frames.iter().map(QueueEntry::size).sum();
            self.release_memory();
        }
    }

    fn release_memory(&mut self) {
        if self.frames.is_empty() && self.frames.capacity() > SPARE {
            self.frames.shrink_to(SPARE);
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    impl QueueEntry for Bytes {
        fn size(&self) -> usize {
            self.len()
        }
    }

    #[test]
    fn a_frame_of_any_size_fits_an_empty_queue() {
        let mut queue = Queue::<Bytes>::default();
        assert!(queue.fits(1000, 1, 10));
        queue.push(Bytes::from(vec![0; 1000]));
        assert!(!queue.fits(0, 10, 10));
    }

    #[test]
    fn either_bound_makes_a_queue_full() {
        let mut queue = Queue::default();
        queue.push(Bytes::from_static(b"12345"));
        assert!(queue.fits(5, 2, 10));
        assert!(!queue.fits(6, 2, 10), "bytes");
        assert!(!queue.fits(1, 1, 10), "frames");
    }

    #[test]
    fn pop_and_retain_subtract_bytes() {
        let mut queue = Queue::default();
        queue.push(Bytes::from_static(b"12345"));
        queue.push(Bytes::from_static(b"678"));
        queue.push(Bytes::from_static(b"9"));
        queue.retain(|frame| frame.len() != 3);
        assert_eq!(queue.bytes, 6);
        assert_eq!(queue.pop(), Some(Bytes::from_static(b"12345")));
        assert_eq!(queue.bytes, 1);
    }

    #[test]
    fn memory_is_released_after_a_burst() {
        let mut queue = Queue::default();
        for _ in 0..1000 {
            queue.push(Bytes::new());
        }
        while queue.pop().is_some() {}
        assert!(queue.frames.capacity() <= SPARE);
    }
}
