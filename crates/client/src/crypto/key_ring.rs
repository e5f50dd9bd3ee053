//! Key ring of a space: one key per epoch.

use std::collections::BTreeMap;

use bytes::Bytes;
use less_sync_core::{Dek, Epoch, FileId, RecordId, SpaceId};

use super::{DecryptionError, FileOpener, FileSealer, Secret, SpaceKey, record};

/// Maximum number of keys, those of the newest epochs. A rotation rewraps the keys of all content, so an old key only opens
/// membership entries, whose admissions are repeated under each new key. The bound must exceed the rotations that can be
/// in use at once: a member that is behind may still need the previous epoch during a rewrap.
const KEPT: usize = 64;

/// Encrypted record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedRecord {
    /// Ciphertext.
    pub blob: Bytes,
    /// Wrapped key of the record.
    pub dek: Dek,
}

/// Keys of one space, one per known epoch; the newest 64 are kept.
#[derive(Clone, Debug)]
pub struct KeyRing {
    space: SpaceId,
    keys: BTreeMap<Epoch, SpaceKey>,
}

impl KeyRing {
    /// Empty key ring of `space`.
    #[must_use]
    pub fn new(space: SpaceId) -> Self {
        Self { space, keys: BTreeMap::new() }
    }

    /// Id of the space.
    #[must_use]
    pub fn space(&self) -> SpaceId {
        self.space
    }

    /// Adds or replaces the key of an epoch; ignores a key of another space.
    pub fn insert(&mut self, key: SpaceKey) {
        if key.space() == self.space {
            self.keys.insert(key.epoch(), key);
        }
        while self.keys.len() > KEPT {
            self.keys.pop_first();
        }
    }

    /// Key of `epoch`.
    ///
    /// # Errors
    /// [`DecryptionError::NoKey`].
    pub fn key(&self, epoch: Epoch) -> Result<&SpaceKey, DecryptionError> {
        self.keys.get(&epoch).ok_or(DecryptionError::NoKey(epoch))
    }

    /// Key of the newest known epoch. During a rotation the space may already be at a newer one.
    #[must_use]
    pub fn newest(&self) -> Option<&SpaceKey> {
        self.keys.values().next_back()
    }

    /// All keys, oldest first.
    pub fn keys(&self) -> impl Iterator<Item = &SpaceKey> {
        self.keys.values()
    }

    /// Encrypts a record under a new key, wrapped with the key of `epoch`.
    ///
    /// # Errors
    /// [`DecryptionError::NoKey`].
    pub fn seal_record(
        &self,
        epoch: Epoch,
        record: RecordId,
        content: &[u8],
    ) -> Result<SealedRecord, DecryptionError> {
        let space_key = self.key(epoch)?;
        let key = Secret::random();
        let blob = record::seal(&key, self.space, record, content);
        Ok(SealedRecord { blob, dek: space_key.wrap(&key) })
    }

    /// Decrypts a record. Its wrapped key names the epoch, so records of any known epoch open, also amid a rotation.
    ///
    /// # Errors
    /// See [`DecryptionError`].
    pub fn open_record(
        &self,
        record: RecordId,
        blob: &[u8],
        dek: Option<&[u8]>,
    ) -> Result<Bytes, DecryptionError> {
        let dek = Dek::try_from(dek.ok_or(DecryptionError::NotEncrypted)?);
        let key = self.unwrap(&dek.map_err(|_| DecryptionError::NotEncrypted)?)?;
        record::open(&key, self.space, record, blob)
    }

    /// Starts to encrypt a file under a new key; returns it wrapped with the key of `epoch`. Start anew for every attempt to
    /// upload, because nonces are counters.
    ///
    /// # Errors
    /// [`DecryptionError::NoKey`].
    pub fn seal_file(&self, epoch: Epoch, file: FileId) -> Result<(FileSealer, Dek), DecryptionError> {
        let space_key = self.key(epoch)?;
        let key = Secret::random();
        Ok((FileSealer::new(&key, self.space, file), space_key.wrap(&key)))
    }

    /// Starts to decrypt a file at segment number `from`.
    ///
    /// # Errors
    /// See [`DecryptionError`].
    pub fn open_file(&self, file: FileId, dek: &Dek, from: u64) -> Result<FileOpener, DecryptionError> {
        Ok(FileOpener::new(&self.unwrap(dek)?, self.space, file, from))
    }

    /// Rewraps a key with the key of `epoch`.
    ///
    /// # Errors
    /// See [`DecryptionError`].
    pub fn rewrap(&self, dek: &[u8], epoch: Epoch) -> Result<Dek, DecryptionError> {
        let dek = Dek::try_from(dek).map_err(|_| DecryptionError::NotEncrypted)?;
        Ok(self.key(epoch)?.wrap(&self.unwrap(&dek)?))
    }

    fn unwrap(&self, dek: &Dek) -> Result<Secret, DecryptionError> {
        self.key(epoch_of(dek)?)?.unwrap(dek)
    }
}

/// Epoch of a wrapped key, from its prefix.
pub(crate) fn epoch_of(dek: &Dek) -> Result<Epoch, DecryptionError> {
    let number = i32::try_from(dek.epoch_prefix()).map_err(|_| DecryptionError::NotEncrypted)?;
    Epoch::new(number).map_err(|_| DecryptionError::NotEncrypted)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::RECORD_OVERHEAD;

    const SPACE: SpaceId = SpaceId::from_bytes([1; 16]);
    const RECORD: RecordId = RecordId::from_bytes([2; 16]);

    fn epoch(number: i32) -> Epoch {
        Epoch::new(number).unwrap()
    }

    fn ring(space: SpaceId, epochs: impl IntoIterator<Item = i32>) -> KeyRing {
        let mut ring = KeyRing::new(space);
        epochs.into_iter().for_each(|number| ring.insert(SpaceKey::random(space, epoch(number))));
        ring
    }

    #[test]
    fn record_is_decrypted_with_the_key_of_its_epoch() {
        let ring = ring(SPACE, [1, 2]);
        for number in [1, 2] {
            let sealed = ring.seal_record(epoch(number), RECORD, b"content").unwrap();
            assert_eq!(sealed.blob.len(), b"content".len() + RECORD_OVERHEAD);
            let opened = ring.open_record(RECORD, &sealed.blob, Some(sealed.dek.as_bytes()));
            assert_eq!(opened.unwrap(), "content");
        }
        assert_eq!(ring.seal_record(epoch(3), RECORD, b""), Err(DecryptionError::NoKey(epoch(3))));
    }

    /// Vector of another implementation of AES-GCM, AES-KW and HKDF: space key 00 01 … 1f, epoch 3, record key 64 65 … 83,
    /// nonce 00 01 … 0b.
    #[test]
    fn vector_of_another_implementation_is_decrypted() {
        let secret = Secret::from_bytes(std::array::from_fn(|index| u8::try_from(index).unwrap()));
        let mut ring = KeyRing::new(SPACE);
        ring.insert(SpaceKey::new(SPACE, epoch(3), secret));
        let dek =
            bytes("00000003a931f277059b505901fe36812ec468bbf0b999aeead74309615fb4372f799aa84ba13cef4cf8e031");
        let blob = bytes("01000102030405060708090a0bf7ce5420d2ea587c2dc9277961a0c048d281b8fa80");
        assert_eq!(ring.open_record(RECORD, &blob, Some(&dek)).unwrap(), "hello");
    }

    fn bytes(hex: &str) -> Vec<u8> {
        let digits = |at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
        (0..hex.len()).step_by(2).map(digits).collect()
    }

    #[test]
    fn every_write_uses_a_new_key() {
        let ring = ring(SPACE, [1]);
        let [one, two] = std::array::from_fn(|_| ring.seal_record(epoch(1), RECORD, b"same").unwrap());
        assert_ne!(one, two);
        let mixed = ring.open_record(RECORD, &one.blob, Some(two.dek.as_bytes()));
        assert_eq!(mixed, Err(DecryptionError::Damaged));
    }

    #[test]
    fn ciphertext_of_another_record_is_detected() {
        let ring = ring(SPACE, [1]);
        let sealed = ring.seal_record(epoch(1), RECORD, b"content").unwrap();
        let elsewhere = RecordId::from_bytes([3; 16]);
        let opened = ring.open_record(elsewhere, &sealed.blob, Some(sealed.dek.as_bytes()));
        assert_eq!(opened, Err(DecryptionError::Damaged));
    }

    #[test]
    fn unencrypted_content_is_reported() {
        let ring = ring(SPACE, [1]);
        let dek = ring.seal_record(epoch(1), RECORD, b"").unwrap().dek;
        let beyond = [&[0xff; 4][..], &[0; 40]].concat();
        for (blob, dek) in [
            (&b"plain"[..], None),
            (b"plain", Some(&dek.as_bytes()[..])),
            (b"", Some(&dek.as_bytes()[..])),
            (b"\x01", Some(b"short")),
            (b"\x01", Some(&beyond)),
        ] {
            assert_eq!(ring.open_record(RECORD, blob, dek), Err(DecryptionError::NotEncrypted), "{blob:?}");
        }
    }

    #[test]
    fn rewrapping_preserves_the_key() {
        let ring = ring(SPACE, [1, 2]);
        let sealed = ring.seal_record(epoch(1), RECORD, b"content").unwrap();
        let dek = ring.rewrap(sealed.dek.as_bytes(), epoch(2)).unwrap();
        assert_eq!(dek.epoch_prefix(), 2);
        assert_eq!(ring.open_record(RECORD, &sealed.blob, Some(dek.as_bytes())).unwrap(), "content");
    }

    #[test]
    fn file_is_decrypted_with_its_original_and_its_rewrapped_key() {
        let (ring, file) = (ring(SPACE, [1, 2]), FileId::from_bytes([4; 16]));
        let (mut sealer, dek) = ring.seal_file(epoch(1), file).unwrap();
        let mut object = Vec::new();
        sealer.update(b"content", &mut object);
        sealer.finish(&mut object);
        for dek in [dek, ring.rewrap(dek.as_bytes(), epoch(2)).unwrap()] {
            let (mut opener, mut content) = (ring.open_file(file, &dek, 0).unwrap(), Vec::new());
            opener.update(&object, &mut content).unwrap();
            opener.finish(&mut content).unwrap();
            assert_eq!(content, b"content");
        }
        assert_eq!(ring.seal_file(epoch(3), file).unwrap_err(), DecryptionError::NoKey(epoch(3)));
        assert_ne!(ring.seal_file(epoch(1), file).unwrap().1, ring.seal_file(epoch(1), file).unwrap().1);
    }

    #[test]
    fn newest_64_keys_are_kept_and_keys_of_other_spaces_ignored() {
        let mut ring = ring(SPACE, 1..=70);
        assert_eq!((ring.keys().count(), ring.newest().unwrap().epoch()), (KEPT, epoch(70)));
        assert_eq!(ring.key(epoch(6)).unwrap_err(), DecryptionError::NoKey(epoch(6)));
        ring.insert(SpaceKey::random(SpaceId::from_bytes([9; 16]), epoch(71)));
        assert_eq!(ring.newest().unwrap().epoch(), epoch(70));
    }
}
