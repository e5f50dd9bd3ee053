//! Encryption at rest of the seeds of signing keys (storage §3.16).

use std::str::FromStr;

use aes_gcm::aead::{Aead as _, KeyInit as _, Payload};
use aes_gcm::{Aes256Gcm, Nonce};
use zeroize::Zeroizing;

use super::SigningKey;
use super::ed25519::KEY_BYTES;

/// First byte of a sealed seed.
const VERSION: u8 = 1;

/// Length of the random nonce, in bytes.
pub const SEAL_NONCE_BYTES: usize = 12;

/// Text that is not a sealing key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected 64 hexadecimal digits")]
pub struct InvalidSealingKey;

/// Stored seed that cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnreadableSeed {
    /// Neither a bare nor a sealed seed.
    #[error("stored seed is neither bare nor sealed")]
    Malformed,
    /// Sealed seed without a key to open it.
    #[error("stored seed is sealed, and FEDERATION_KEY_ENCRYPTION_KEY is not set")]
    Sealed,
    /// Sealed seed of another sealing key or another key id.
    #[error("stored seed cannot be opened with FEDERATION_KEY_ENCRYPTION_KEY")]
    OtherKey,
}

/// Key that seals seeds (`FEDERATION_KEY_ENCRYPTION_KEY`), zeroized on drop. Neither clonable nor printable (auth S-12).
#[expect(missing_debug_implementations, reason = "keys are not shown (auth S-12)")]
pub struct SealingKey(Zeroizing<[u8; 32]>);

impl SealingKey {
    /// Seals the seed of `key` for the id `kid`. `nonce` is random.
    #[must_use]
    pub fn seal(&self, kid: &str, key: &SigningKey, nonce: [u8; SEAL_NONCE_BYTES]) -> Vec<u8> {
        let payload = Payload { msg: &*key.seed(), aad: kid.as_bytes() };
        // Fails above 64 GiB only.
        let sealed = self.cipher().encrypt(&Nonce::from(nonce), payload).unwrap_or_default();
        [&[VERSION], &nonce[..], &sealed].concat()
    }

    fn cipher(&self) -> Aes256Gcm {
        Aes256Gcm::new((&*self.0).into())
    }

    fn open(&self, kid: &str, nonce: [u8; SEAL_NONCE_BYTES], sealed: &[u8]) -> Option<SigningKey> {
        let payload = Payload { msg: sealed, aad: kid.as_bytes() };
        let seed = Zeroizing::new(self.cipher().decrypt(&Nonce::from(nonce), payload).ok()?);
        seed.first_chunk::<KEY_BYTES>().map(SigningKey::from_seed)
    }
}

/// Reads the stored seed of the key `kid`: bare, or sealed with `sealing`.
///
/// # Errors
/// [`UnreadableSeed`].
pub fn open_seed(
    kid: &str,
    stored: &[u8],
    sealing: Option<&SealingKey>,
) -> Result<SigningKey, UnreadableSeed> {
    const SEALED: usize = 1 + SEAL_NONCE_BYTES + KEY_BYTES + 16;
    if let Ok(seed) = <&[u8; KEY_BYTES]>::try_from(stored) {
        return Ok(SigningKey::from_seed(seed));
    }
    let sealed = stored.strip_prefix(&[VERSION]).filter(|_| stored.len() == SEALED);
    let (nonce, sealed) =
        sealed.and_then(|rest| rest.split_first_chunk()).ok_or(UnreadableSeed::Malformed)?;
    let sealing = sealing.ok_or(UnreadableSeed::Sealed)?;
    sealing.open(kid, *nonce, sealed).ok_or(UnreadableSeed::OtherKey)
}

impl FromStr for SealingKey {
    type Err = InvalidSealingKey;

    /// Parses 64 hexadecimal digits of either case.
    fn from_str(text: &str) -> Result<Self, InvalidSealingKey> {
        let lowercase = Zeroizing::new(text.to_ascii_lowercase());
        less_sync_core::hex::decode_32(&lowercase)
            .map(|key| Self(Zeroizing::new(key)))
            .ok_or(InvalidSealingKey)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KID: &str = "https://a.example/.well-known/jwks.json#k";

    fn error(stored: &[u8], kid: &str, sealing: Option<&SealingKey>) -> Option<UnreadableSeed> {
        open_seed(kid, stored, sealing).err()
    }

    #[test]
    fn sealed_seeds_open_with_their_key_and_id_only() {
        let sealing: SealingKey = "0A".repeat(32).parse().unwrap();
        let other: SealingKey = "0b".repeat(32).parse().unwrap();
        let key = SigningKey::from_seed(&[7; 32]);
        let sealed = sealing.seal(KID, &key, [3; 12]);
        assert_eq!((sealed.len(), sealed[0], &sealed[1..13]), (61, 1, &[3; 12][..]));
        let opened = open_seed(KID, &sealed, Some(&sealing)).map_err(|error| error.to_string()).unwrap();
        assert_eq!(opened.public(), key.public());
        assert_eq!(error(&sealed, KID, None), Some(UnreadableSeed::Sealed));
        assert_eq!(error(&sealed, KID, Some(&other)), Some(UnreadableSeed::OtherKey));
        assert_eq!(error(&sealed, "https://b.example#k", Some(&sealing)), Some(UnreadableSeed::OtherKey));
        let mut damaged = sealed.clone();
        damaged[40] ^= 1;
        assert_eq!(error(&damaged, KID, Some(&sealing)), Some(UnreadableSeed::OtherKey));
        assert_eq!(error(&sealed[..60], KID, Some(&sealing)), Some(UnreadableSeed::Malformed));
        assert_eq!(error(&[], KID, Some(&sealing)), Some(UnreadableSeed::Malformed));
    }

    #[test]
    fn bare_seeds_stay_readable_with_a_sealing_key() {
        let sealing: SealingKey = "00".repeat(32).parse().unwrap();
        assert_eq!(error(&[7; 32], KID, Some(&sealing)), None);
        assert!("00".repeat(31).parse::<SealingKey>().is_err());
    }
}
