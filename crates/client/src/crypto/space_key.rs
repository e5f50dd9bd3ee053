//! Key of a space in one epoch.

use std::fmt;

use aes_gcm::aead::consts::U32;
use aes_kw::{KeyInit as _, KwAes256};
use less_sync_core::{Dek, Epoch, SpaceId};
use zeroize::Zeroizing;

use super::{DecryptionError, Secret, aead};

const WRAPPED: usize = 40;

/// Key of a space in one epoch. Three keys are derived from it: one wraps the keys of records and files,
/// one encrypts membership entries, one encrypts presence and events.
///
/// ```text
/// key = HKDF-SHA-256(salt "less-sync space key v1", space key, info = purpose ‖ 0x00 ‖ space id (16) ‖ epoch (4))
/// DEK = epoch (4, big-endian) ‖ AES-256-KW(key of purpose "dek", 32 bytes) (40, RFC 3394)
/// ```
#[derive(Clone)]
pub struct SpaceKey {
    space: SpaceId,
    epoch: Epoch,
    secret: Secret,
}

impl SpaceKey {
    /// Generates a key.
    #[must_use]
    pub fn random(space: SpaceId, epoch: Epoch) -> Self {
        Self::new(space, epoch, Secret::random())
    }

    /// Key with a stored or shared secret.
    #[must_use]
    pub fn new(space: SpaceId, epoch: Epoch, secret: Secret) -> Self {
        Self { space, epoch, secret }
    }

    /// Id of the space.
    #[must_use]
    pub fn space(&self) -> SpaceId {
        self.space
    }

    /// Epoch of the key.
    #[must_use]
    pub fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// Secret, for storage or sharing.
    #[must_use]
    pub fn secret(&self) -> &Secret {
        &self.secret
    }

    /// Wraps the key of a record or file.
    #[must_use]
    pub fn wrap(&self, key: &Secret) -> Dek {
        let wrapped: [u8; WRAPPED] = self.wrapper().wrap_fixed_key::<U32>(key.expose().into()).into();
        let mut dek = [0; Dek::LENGTH];
        let (epoch, rest) = dek.split_at_mut(Dek::LENGTH - WRAPPED);
        epoch.copy_from_slice(&self.epoch.get().to_be_bytes());
        rest.copy_from_slice(&wrapped);
        Dek::from_bytes(dek)
    }

    /// Unwraps the key of a record or file.
    ///
    /// # Errors
    /// [`DecryptionError::Damaged`] if it was wrapped with another key, or modified.
    pub fn unwrap(&self, dek: &Dek) -> Result<Secret, DecryptionError> {
        let wrapped = dek.as_bytes().split_at(Dek::LENGTH - WRAPPED).1;
        let mut key = Zeroizing::new([0; Secret::LENGTH]);
        match self.wrapper().unwrap_key(wrapped, &mut *key) {
            Ok(_) => Ok(Secret::from_bytes(*key)),
            Err(_) => Err(DecryptionError::Damaged),
        }
    }

    /// Encrypts a membership entry.
    pub(crate) fn seal(&self, context: &[u8], plain: &[u8]) -> Vec<u8> {
        aead::seal(&self.derived(b"log"), context, plain)
    }

    /// Decrypts a membership entry.
    pub(crate) fn open(&self, context: &[u8], sealed: &[u8]) -> Option<Vec<u8>> {
        aead::open(&self.derived(b"log"), context, sealed)
    }

    /// Encrypts presence or an event.
    pub(super) fn seal_live(&self, context: &[u8], plain: &[u8]) -> Vec<u8> {
        aead::seal(&self.derived(b"live"), context, plain)
    }

    /// Decrypts presence or an event.
    pub(super) fn open_live(&self, context: &[u8], sealed: &[u8]) -> Option<Vec<u8>> {
        aead::open(&self.derived(b"live"), context, sealed)
    }

    fn wrapper(&self) -> KwAes256 {
        KwAes256::new(self.derived(b"dek").expose().into())
    }

    fn derived(&self, purpose: &[u8]) -> Secret {
        let epoch = self.epoch.get().to_be_bytes();
        let info = [purpose, b"\0", self.space.as_bytes(), &epoch];
        Secret::derive(b"less-sync space key v1", self.secret.expose(), &info)
    }
}

impl fmt::Debug for SpaceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SpaceKey")
            .field("space", &self.space)
            .field("epoch", &self.epoch)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPACE: SpaceId = SpaceId::from_bytes([1; 16]);

    fn epoch(number: i32) -> Epoch {
        Epoch::new(number).unwrap()
    }

    #[test]
    fn a_wrapped_key_has_44_bytes_and_names_its_epoch() {
        let (space_key, key) = (SpaceKey::random(SPACE, epoch(0x0102)), Secret::random());
        let dek = space_key.wrap(&key);
        assert_eq!(dek.as_bytes()[..4], [0, 0, 1, 2]);
        assert_eq!(space_key.unwrap(&dek).unwrap().expose(), key.expose());
    }

    #[test]
    fn keys_of_other_epochs_and_spaces_do_not_unwrap_it_even_from_the_same_secret() {
        let secret = Secret::random();
        let dek = SpaceKey::new(SPACE, epoch(1), secret.clone()).wrap(&Secret::random());
        let other_space = SpaceId::from_bytes([2; 16]);
        for other in
            [SpaceKey::new(SPACE, epoch(2), secret.clone()), SpaceKey::new(other_space, epoch(1), secret)]
        {
            assert_eq!(other.unwrap(&dek).unwrap_err(), DecryptionError::Damaged);
        }
    }

    #[test]
    fn modified_bytes_are_detected() {
        let space_key = SpaceKey::random(SPACE, Epoch::FIRST);
        let dek = space_key.wrap(&Secret::random());
        for index in 4..Dek::LENGTH {
            let mut bytes = *dek.as_bytes();
            bytes[index] ^= 1;
            assert!(space_key.unwrap(&Dek::from_bytes(bytes)).is_err(), "byte {index}");
        }
    }

    /// RFC 3394, 4.6: 256 bits of key data with a 256-bit key.
    #[test]
    fn wrapping_matches_rfc_3394() {
        let kek: [u8; 32] = std::array::from_fn(|index| u8::try_from(index).unwrap());
        let data: [u8; 32] = std::array::from_fn(|index| match index {
            0..16 => 0x11 * u8::try_from(index).unwrap(),
            _ => u8::try_from(index).unwrap() - 16,
        });
        let wrapped: [u8; WRAPPED] = KwAes256::new(&kek.into()).wrap_fixed_key::<U32>(&data.into()).into();
        let expected = "28c9f404c4b810f4cbccb35cfb87f8263f5786e2d80ed326cbc7f0e71a99f43bfb988b9b7a02dd21";
        assert_eq!(less_sync_core::hex::encode(&wrapped), expected);
    }

    #[test]
    fn secrets_are_not_shown() {
        let shown = format!("{:?}", SpaceKey::new(SPACE, Epoch::FIRST, Secret::from_bytes([0xab; 32])));
        assert!(!shown.contains("171") && !shown.contains("ab, ab"), "{shown}");
    }
}
