//! Many at once (http §7.6, §11 H2).

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use futures_util::future::join_all;

use super::BlobsBackend;
use super::fixture::{Fixture, key, write};
use super::sizes::{PART, PIECE, content};
use less_sync_storage::Blobs;

/// Concurrent uploads that the server allows (`FILE_UPLOAD_CONCURRENCY`).
const WRITERS: u8 = 32;

/// Maximum memory of one writer, in bytes.
const PER_WRITER: usize = 15 << 20;

/// Counts the bytes of pieces that are still alive.
#[derive(Default)]
struct Held {
    now: AtomicUsize,
    most: AtomicUsize,
}

struct Piece {
    bytes: Vec<u8>,
    held: Arc<Held>,
}

impl Held {
    fn piece(self: &Arc<Self>, bytes: &[u8]) -> Bytes {
        let now = self.now.fetch_add(bytes.len(), Ordering::SeqCst) + bytes.len();
        self.most.fetch_max(now, Ordering::SeqCst);
        Bytes::from_owner(Piece { bytes: bytes.to_owned(), held: Arc::clone(self) })
    }
}

impl AsRef<[u8]> for Piece {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Piece {
    fn drop(&mut self) {
        self.held.now.fetch_sub(self.bytes.len(), Ordering::SeqCst);
    }
}

/// H2, counted at the pieces that the writers were handed: the memory of pieces is bounded.
pub async fn writers_side_by_side_hold_little<B: BlobsBackend>() {
    let fixture = Fixture::<B>::new().await;
    let (held, bytes) = (Arc::new(Held::default()), content(1, PART + 1));
    let uploads = (0..WRITERS).map(async |number| {
        let mut writer = fixture.store.create(&key(1, number, 1), bytes.len() as u64).await.unwrap();
        for part in bytes.chunks(PIECE) {
            writer.write(held.piece(part)).await.unwrap();
        }
        writer.finish().await.unwrap();
    });
    join_all(uploads).await;
    assert!(held.most.load(Ordering::SeqCst) <= usize::from(WRITERS) * PER_WRITER);
    assert_eq!(held.now.load(Ordering::SeqCst), 0, "nothing is held when all have finished");
    for number in [0, WRITERS / 2, WRITERS - 1] {
        assert!(fixture.read(&key(1, number, 1)).await == bytes);
    }
}

/// Objects of some kilobytes, sixteen at a time.
pub async fn small_objects_side_by_side_all_come_back<B: BlobsBackend>() {
    let fixture = Fixture::<B>::new().await;
    let writers = (0..16).map(async |space| {
        for file in 0..16 {
            let bytes = content(u64::from(space) << 8 | u64::from(file), 16 << 10);
            write(&fixture.store, &key(space, file, 1), &bytes).await.unwrap();
        }
    });
    join_all(writers).await;
    assert_eq!(fixture.names().await.len(), 256);
    for (space, file) in (0..16).flat_map(|space| (0..16).map(move |file| (space, file))) {
        let bytes = content(u64::from(space) << 8 | u64::from(file), 16 << 10);
        assert_eq!(fixture.read(&key(space, file, 1)).await, bytes);
    }
}
