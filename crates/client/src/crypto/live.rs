//! Encryption of presence and ephemeral events, which the server relays and never stores.
//!
//! ```text
//! data = 0x01 ‖ epoch (4, big-endian) ‖ nonce (12) ‖ ciphertext ‖ tag (16)    AES-256-GCM under the derived key "live"
//! associated data = "less-sync live v1" ‖ 0x00 ‖ space id (16) ‖ kind (1): 0 presence, 1 event
//! ```

use less_sync_core::{Epoch, SpaceId};

use super::{DecryptionError, KeyRing, aead};

const VERSION: u8 = 1;
const EPOCH: usize = 4;

/// Size of encrypted live content minus the size of the content, in bytes.
pub const LIVE_OVERHEAD: usize = 1 + EPOCH + aead::OVERHEAD;

/// Kind of live content. Content of one kind does not decrypt as the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Live {
    /// State of a present peer (protocol §4.19).
    Presence,
    /// Ephemeral event (protocol §4.19).
    Event,
}

impl KeyRing {
    /// Encrypts live content with the newest key; `None` without a key.
    #[must_use]
    pub fn seal_live(&self, kind: Live, content: &[u8]) -> Option<Vec<u8>> {
        let key = self.newest()?;
        let sealed = key.seal_live(&context(self.space(), kind), content);
        Some([&[VERSION][..], &key.epoch().get().to_be_bytes(), &sealed].concat())
    }

    /// Decrypts live content. Its epoch is part of it, so that a rotation interrupts nothing.
    ///
    /// # Errors
    /// See [`DecryptionError`].
    pub fn open_live(&self, kind: Live, data: &[u8]) -> Result<Vec<u8>, DecryptionError> {
        let (epoch, sealed) = match data.split_first() {
            Some((&VERSION, rest)) => {
                rest.split_first_chunk::<EPOCH>().ok_or(DecryptionError::NotEncrypted)?
            }
            Some(_) | None => return Err(DecryptionError::NotEncrypted),
        };
        let epoch = Epoch::new(i32::from_be_bytes(*epoch)).map_err(|_| DecryptionError::NotEncrypted)?;
        let key = self.key(epoch)?;
        key.open_live(&context(self.space(), kind), sealed).ok_or(DecryptionError::Damaged)
    }
}

fn context(space: SpaceId, kind: Live) -> Vec<u8> {
    let kind = match kind {
        Live::Presence => 0,
        Live::Event => 1,
    };
    [&b"less-sync live v1\0"[..], space.as_bytes(), &[kind]].concat()
}

#[cfg(test)]
mod tests {
    use super::super::SpaceKey;
    use super::*;

    const SPACE: SpaceId = SpaceId::from_bytes([1; 16]);

    fn ring(epochs: &[i32]) -> KeyRing {
        let mut ring = KeyRing::new(SPACE);
        for epoch in epochs {
            ring.insert(SpaceKey::random(SPACE, Epoch::new(*epoch).unwrap()));
        }
        ring
    }

    #[test]
    fn content_opens_as_the_kind_that_it_was_sealed_as() {
        let ring = ring(&[1, 2]);
        let sealed = ring.seal_live(Live::Presence, b"typing").unwrap();
        assert_eq!((sealed.len(), &sealed[..5]), (6 + LIVE_OVERHEAD, &[1, 0, 0, 0, 2][..]));
        assert_eq!(ring.open_live(Live::Presence, &sealed).unwrap(), b"typing");
        assert_eq!(ring.open_live(Live::Event, &sealed), Err(DecryptionError::Damaged));
    }

    #[test]
    fn content_of_unknown_epochs_and_formats_is_distinguished() {
        let sealed = ring(&[1, 2]).seal_live(Live::Event, b"secret").unwrap();
        let two = Epoch::new(2).unwrap();
        assert_eq!(ring(&[1]).open_live(Live::Event, &sealed), Err(DecryptionError::NoKey(two)));
        assert_eq!(ring(&[2]).open_live(Live::Event, &sealed), Err(DecryptionError::Damaged));
        for other in [&b""[..], b"\x01\0\0", b"\x02typing", b"\x01\xff\xff\xff\xff"] {
            assert_eq!(ring(&[1]).open_live(Live::Event, other), Err(DecryptionError::NotEncrypted));
        }
        assert_eq!(ring(&[]).seal_live(Live::Event, b"no key"), None);
    }
}
