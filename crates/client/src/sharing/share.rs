//! Key shares: the key of an epoch, encrypted and signed for one member.
//!
//! ```text
//! wrapped_key = sealed box for the member, context "less-sync epoch key v1" ‖ 0x00 ‖ space id (16) ‖ epoch (4)
//! plain       = JWS { by, space, epoch, for, key }, typ "less-sync-epoch-key" ‖ "~" ‖ UCAN of the author
//! ```
//!
//! Sealed boxes are anonymous, so the content is signed: without the signature of an administrator, the server could
//! distribute a key of its own.

use bytes::Bytes;
use less_sync_auth::did_key;
use less_sync_auth::ucan::VerifiedChain;
use less_sync_core::{Did, Epoch, Permission, SpaceId, Timestamp, limits};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::Membership;
use crate::crypto::{Identity, Secret, SpaceKey, seal, statement};
use crate::epoch::Share;

const PURPOSE: &str = "less-sync-epoch-key";

/// Failure to create or verify a key share.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidShare {
    /// The recipient is not a `did:key`.
    #[error("the DID of a member is not a did:key")]
    Recipient,
    /// The author's chain does not fit a share; chains of two tokens do.
    #[error("only the owner and members invited by the owner can rotate the key")]
    TooLarge,
    /// Sealed for another member, or modified.
    #[error("cannot decrypt key share")]
    Undecryptable,
    /// Not signed by an administrator of the space.
    #[error("key share is not signed by an administrator")]
    Forged,
}

#[derive(Serialize, Deserialize)]
struct Body {
    space: String,
    epoch: i32,
    r#for: String,
    key: Secret,
}

/// Creates the share of `key` for `member`, signed by `author` with the rights of `proof`.
///
/// # Errors
/// [`InvalidShare::Recipient`], [`InvalidShare::TooLarge`].
pub fn seal_share(
    author: &Identity,
    proof: &str,
    key: &SpaceKey,
    member: &Did,
) -> Result<Share, InvalidShare> {
    let recipient = did_key::decode(member.as_str()).map_err(|_| InvalidShare::Recipient)?;
    let body = Body {
        space: key.space().to_string(),
        epoch: key.epoch().get(),
        r#for: member.as_str().to_owned(),
        key: key.secret().clone(),
    };
    let plain = Zeroizing::new(format!("{}~{proof}", statement::sign(author, PURPOSE, body)));
    let wrapped_key = seal(&recipient, &context(key.space(), key.epoch()), plain.as_bytes());
    if wrapped_key.len() > limits::WRAPPED_KEY {
        return Err(InvalidShare::TooLarge);
    }
    Ok(Share { member: member.clone(), wrapped_key: wrapped_key.into() })
}

/// Decrypts and verifies the share of `identity`; returns the key and the author's chain, whose revocation the caller must
/// check in the log.
///
/// # Errors
/// [`InvalidShare::Undecryptable`], [`InvalidShare::Forged`].
pub fn open_share(
    identity: &Identity,
    membership: &Membership,
    epoch: Epoch,
    wrapped_key: &Bytes,
    now: Timestamp,
) -> Result<(SpaceKey, VerifiedChain), InvalidShare> {
    let space = membership.space();
    let plain =
        identity.open(&context(space, epoch), wrapped_key).map_err(|_| InvalidShare::Undecryptable)?;
    let plain = Zeroizing::new(plain);
    let text = str::from_utf8(&plain).map_err(|_| InvalidShare::Forged)?;
    let (statement, proof) = text.split_once('~').ok_or(InvalidShare::Forged)?;
    let signed = statement::verify::<Body>(PURPOSE, statement).ok_or(InvalidShare::Forged)?;
    let Body { space: signed_space, epoch: number, r#for: member, key } = signed.body;
    if signed_space != space.to_string() || number != epoch.get() || member != identity.did().as_str() {
        return Err(InvalidShare::Forged);
    }
    let author = Did::try_from(signed.by).map_err(|_| InvalidShare::Forged)?;
    let author = membership.verify_chain(proof, &author, Permission::Admin, now);
    Ok((SpaceKey::new(space, epoch, key), author.map_err(|_| InvalidShare::Forged)?))
}

fn context(space: SpaceId, epoch: Epoch) -> Vec<u8> {
    [&b"less-sync epoch key v1\0"[..], space.as_bytes(), &epoch.get().to_be_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::KeyRing;
    use crate::sharing::Chain;

    const SPACE: SpaceId = SpaceId::from_bytes([1; 16]);
    const NOW: Timestamp = Timestamp::from_seconds(1_000_000);
    const END: Timestamp = Timestamp::from_seconds(4_000_000_000);

    fn fixture() -> (Identity, Membership, SpaceKey) {
        let owner = Identity::random();
        let root = owner.grant(owner.did(), Permission::Admin, SPACE, END, None);
        let membership = Membership {
            name: String::new(),
            root_key: owner.root_key(),
            ucan: Chain(root),
            keys: KeyRing::new(SPACE),
        };
        (owner, membership, SpaceKey::random(SPACE, Epoch::new(2).unwrap()))
    }

    fn opened(
        member: &Identity,
        membership: &Membership,
        epoch: i32,
        share: &Share,
    ) -> Result<[u8; 32], InvalidShare> {
        let epoch = Epoch::new(epoch).unwrap();
        let (key, _) = open_share(member, membership, epoch, &share.wrapped_key, NOW)?;
        Ok(*key.secret().expose())
    }

    #[test]
    fn member_receives_the_key_of_its_epoch_from_an_administrator() {
        let ((owner, membership, key), member) = (fixture(), Identity::random());
        let deputy = Identity::random();
        let proof = owner.grant(deputy.did(), Permission::Admin, SPACE, END, Some(&membership.ucan.0));
        for (author, proof) in [(&owner, &membership.ucan.0), (&deputy, &proof)] {
            let share = seal_share(author, proof, &key, member.did()).unwrap();
            assert_eq!(opened(&member, &membership, 2, &share), Ok(*key.secret().expose()));
            assert_eq!(opened(&member, &membership, 3, &share), Err(InvalidShare::Undecryptable));
            assert_eq!(opened(&deputy, &membership, 2, &share), Err(InvalidShare::Undecryptable));
        }
    }

    #[test]
    fn key_from_a_non_administrator_is_rejected() {
        let ((owner, membership, key), member) = (fixture(), Identity::random());
        let writer = Identity::random();
        let write = owner.grant(writer.did(), Permission::Write, SPACE, END, Some(&membership.ucan.0));
        let stranger = Identity::random();
        let own = stranger.grant(stranger.did(), Permission::Admin, SPACE, END, None);
        for (author, proof) in
            [(&writer, &write), (&stranger, &own), (&stranger, &membership.ucan.0), (&owner, &write)]
        {
            let share = seal_share(author, proof, &key, member.did()).unwrap();
            assert_eq!(opened(&member, &membership, 2, &share), Err(InvalidShare::Forged));
        }
    }

    #[test]
    fn a_chain_of_two_tokens_fits_and_one_of_three_does_not() {
        let (owner, membership, key) = fixture();
        let [deputy, second] = std::array::from_fn(|_| Identity::random());
        let two = owner.grant(deputy.did(), Permission::Admin, SPACE, END, Some(&membership.ucan.0));
        let three = deputy.grant(second.did(), Permission::Admin, SPACE, END, Some(&two));
        assert!(seal_share(&deputy, &two, &key, owner.did()).is_ok());
        assert_eq!(seal_share(&second, &three, &key, owner.did()), Err(InvalidShare::TooLarge));
        assert_eq!(seal_share(&owner, &two, &key, &Did::of_key("1")), Err(InvalidShare::Recipient));
    }
}
