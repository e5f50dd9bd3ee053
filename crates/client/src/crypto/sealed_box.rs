//! Sealed boxes: anonymous public-key encryption (ECIES on P-256).
//!
//! ```text
//! 0x01 ‖ ephemeral public key, compressed (33) ‖ nonce (12) ‖ ciphertext ‖ tag (16)
//! key = HKDF-SHA-256(salt "less-sync sealed box v1", ECDH(ephemeral, recipient), info = ephemeral ‖ recipient)
//! ```
//!
//! A sealed box does not authenticate its author; where that matters, the content is signed.

use less_sync_auth::P256Key;
use p256::ecdh::diffie_hellman;
use p256::elliptic_curve::sec1::ToSec1Point as _;
use p256::{PublicKey, SecretKey};

use super::{Secret, aead};

const VERSION: u8 = 1;
const POINT: usize = 33;
const SALT: &[u8] = b"less-sync sealed box v1";

/// Failure to open a sealed box: another recipient or context, or modified.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cannot decrypt sealed box")]
pub struct SealedBoxError;

/// Encrypts `plain` for the holder of `recipient`, bound to `context`.
#[must_use]
pub fn seal(recipient: &P256Key, context: &[u8], plain: &[u8]) -> Vec<u8> {
    let recipient = recipient.to_compressed();
    let ephemeral = ephemeral();
    let public = compressed(&ephemeral.public_key());
    // Cannot fail: `recipient` is the encoding of a valid key.
    let Ok(key) = key(&ephemeral, &recipient, &public, &recipient) else { return Vec::new() };
    let sealed = aead::seal(&key, context, plain);
    [&[VERSION][..], &public, &sealed].concat()
}

pub(super) fn open(secret: &SecretKey, context: &[u8], sealed: &[u8]) -> Result<Vec<u8>, SealedBoxError> {
    let (version, rest) = sealed.split_first().ok_or(SealedBoxError)?;
    let (ephemeral, sealed) = rest.split_first_chunk::<POINT>().ok_or(SealedBoxError)?;
    if *version != VERSION {
        return Err(SealedBoxError);
    }
    let key = key(secret, ephemeral, ephemeral, &compressed(&secret.public_key()))?;
    aead::open(&key, context, sealed).ok_or(SealedBoxError)
}

fn key(
    ours: &SecretKey,
    theirs: &[u8; POINT],
    ephemeral: &[u8; POINT],
    recipient: &[u8; POINT],
) -> Result<Secret, SealedBoxError> {
    let theirs = PublicKey::from_sec1_bytes(theirs).map_err(|_| SealedBoxError)?;
    let shared = diffie_hellman(ours.to_nonzero_scalar(), theirs.as_affine());
    Ok(Secret::derive(SALT, shared.raw_secret_bytes(), &[ephemeral, recipient]))
}

fn ephemeral() -> SecretKey {
    loop {
        // About one draw in 2³² is not a valid scalar.
        if let Ok(key) = SecretKey::from_slice(Secret::random().expose()) {
            return key;
        }
    }
}

fn compressed(key: &PublicKey) -> [u8; POINT] {
    let point = key.to_sec1_point(true);
    let mut bytes = [0; POINT];
    bytes.iter_mut().zip(point.as_bytes()).for_each(|(target, byte)| *target = *byte);
    bytes
}

#[cfg(test)]
mod tests {
    use super::super::Identity;
    use super::*;

    #[test]
    fn only_the_recipient_opens_a_box_in_its_context() {
        let [recipient, other] = std::array::from_fn(|_| Identity::random());
        let sealed = seal(recipient.public(), b"here", b"secret");
        assert_eq!(recipient.open(b"here", &sealed).unwrap(), b"secret");
        assert_eq!(recipient.open(b"there", &sealed), Err(SealedBoxError));
        assert_eq!(other.open(b"here", &sealed), Err(SealedBoxError));
        assert_ne!(seal(recipient.public(), b"here", b"secret"), sealed);
    }

    /// Vector of another implementation: recipient 07 07 …, ephemeral key 08 08 …, nonce 00 01 … 0b.
    #[test]
    fn vector_of_another_implementation_is_decrypted() {
        let hex = "01033adab15d66256bf15cd716035b3f041444e512fed1dd64d4ba75597d20e366f1000102030405060708090a0bcfb10edb70c4\
                   85d0c738272a0f3ccaaebedfd581f796";
        let digits = |at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
        let sealed: Vec<u8> = (0..hex.len()).step_by(2).map(digits).collect();
        let recipient = Identity::from_secret(Secret::from_bytes([7; 32])).unwrap();
        assert_eq!(recipient.open(b"context", &sealed).unwrap(), b"secret");
    }

    #[test]
    fn modified_and_truncated_boxes_are_rejected() {
        let recipient = Identity::random();
        let sealed = seal(recipient.public(), b"", b"secret");
        for index in 0..sealed.len() {
            let mut tampered = sealed.clone();
            tampered[index] ^= 1;
            assert_eq!(recipient.open(b"", &tampered), Err(SealedBoxError), "byte {index}");
            assert_eq!(recipient.open(b"", &sealed[..index]), Err(SealedBoxError), "cut at {index}");
        }
    }
}
