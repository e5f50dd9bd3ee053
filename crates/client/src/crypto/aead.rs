//! AES-256-GCM with a random nonce as prefix.

use aes_gcm::aead::{Aead, KeyInit, Payload};
use aes_gcm::{Aes256Gcm, Nonce};

use super::Secret;

const NONCE: usize = 12;
const TAG: usize = 16;

/// Size of nonce and tag, in bytes.
pub(super) const OVERHEAD: usize = NONCE + TAG;

/// Encrypts `plain` with `context` as associated data; returns nonce, ciphertext and tag.
///
/// Random nonces limit a key to 2³² messages. Keys in this crate encrypt one message, one per membership entry, or the presence and
/// events of a space in one epoch.
pub(crate) fn seal(key: &Secret, context: &[u8], plain: &[u8]) -> Vec<u8> {
    let nonce: [u8; NONCE] = rand::random();
    let payload = Payload { msg: plain, aad: context };
    // Fails above 64 GiB only; the empty result cannot be opened.
    let sealed = cipher(key).encrypt(&Nonce::from(nonce), payload).unwrap_or_default();
    [&nonce[..], &sealed].concat()
}

/// Decrypts the result of [`seal`]; `None` if authentication fails.
pub(crate) fn open(key: &Secret, context: &[u8], sealed: &[u8]) -> Option<Vec<u8>> {
    let (nonce, sealed) = sealed.split_first_chunk::<NONCE>()?;
    let payload = Payload { msg: sealed, aad: context };
    cipher(key).decrypt(&Nonce::from(*nonce), payload).ok()
}

fn cipher(key: &Secret) -> Aes256Gcm {
    Aes256Gcm::new(key.expose().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_same_key_and_context_open_what_was_sealed() {
        let key = Secret::random();
        let sealed = seal(&key, b"here", b"plain");
        assert_eq!(sealed.len(), b"plain".len() + OVERHEAD);
        assert_eq!(open(&key, b"here", &sealed).as_deref(), Some(&b"plain"[..]));
        assert_eq!(open(&key, b"there", &sealed), None);
        assert_eq!(open(&Secret::random(), b"here", &sealed), None);
        assert_ne!(seal(&key, b"here", b"plain"), sealed);
    }

    #[test]
    fn every_byte_is_authenticated() {
        let key = Secret::random();
        let sealed = seal(&key, b"", b"plain");
        for index in 0..sealed.len() {
            let mut tampered = sealed.clone();
            tampered[index] ^= 1;
            assert_eq!(open(&key, b"", &tampered), None, "byte {index}");
            assert_eq!(open(&key, b"", &sealed[..index]), None, "cut at {index}");
        }
    }

    /// NIST's test case 14 of GCM: zero key, zero nonce, one zero block.
    #[test]
    fn the_cipher_is_aes_256_gcm() {
        let sealed = [
            0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xce, 0xa7, 0x40, 0x3d, 0x4d, 0x60, 0x6b, 0x6e, 0x07, 0x4e,
            0xc5, 0xd3, 0xba, 0xf3, 0x9d, 0x18, 0xd0, 0xd1, 0xc8, 0xa7, 0x99, 0x99, 0x6b, 0xf0, 0x26, 0x5b,
            0x98, 0xb5, 0xd4, 0x8a, 0xb9, 0x19,
        ];
        assert_eq!(open(&Secret::from_bytes([0; 32]), b"", &sealed), Some(vec![0; 16]));
    }
}
