//! End-to-end encryption of spaces: pure functions of keys and bytes.
//!
//! An [`Identity`] is a P-256 key pair for signatures and key agreement. A [`KeyRing`] holds the keys of one space, one per epoch; a
//! record is encrypted under a key of its own, and that key is wrapped with the key of an epoch, so that a rotation
//! rewraps 44 bytes per record and never touches content. Files are encrypted in the same way, in segments. The formats,
//! and their rationale are documented in `docs/decisions/0009-the-toolbox-shares-with-real-keys.md` and
//! `docs/decisions/0011-files-are-encrypted-in-segments.md`; the server sees none of them.
//!
//! Secrets are erased on drop, and `Debug` does not show them.
//!
//! ```
//! use less_sync_client::crypto::{KeyRing, SpaceKey};
//! use less_sync_core::{Epoch, RecordId, SpaceId};
//!
//! let (space, record) = (SpaceId::from_bytes([1; 16]), RecordId::from_bytes([2; 16]));
//! let mut ring = KeyRing::new(space);
//! ring.insert(SpaceKey::random(space, Epoch::FIRST));
//!
//! let sealed = ring.seal_record(Epoch::FIRST, record, b"hello")?;
//! assert_eq!(ring.open_record(record, &sealed.blob, Some(sealed.dek.as_bytes()))?, "hello");
//! # Ok::<(), less_sync_client::crypto::DecryptionError>(())
//! ```

mod aead;
mod file;
mod identity;
mod key_ring;
mod live;
mod mailbox;
mod record;
mod sealed_box;
mod secret;
mod space_key;
pub(crate) mod statement;

pub use file::{FILE_SEGMENT, FileOpener, FileSealer, sealed_size, segment_offset};
pub use identity::{Identity, InvalidIdentity};
pub use key_ring::{KeyRing, SealedRecord};
pub use live::{LIVE_OVERHEAD, Live};
pub use mailbox::mailbox_id;
pub use record::{DecryptionError, RECORD_OVERHEAD};
pub use sealed_box::{SealedBoxError, seal};
pub use secret::Secret;
pub use space_key::SpaceKey;
