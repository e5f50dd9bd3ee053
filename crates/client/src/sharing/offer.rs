//! Offers: encrypted and signed invitations.
//!
//! ```text
//! payload = base64url(sealed box for the invitee, context "less-sync invitation v1")
//! plain   = JWS { by, space, root, name, ucan, epoch, key }, typ "less-sync-invitation"
//! ```

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as BASE64;
use less_sync_auth::ucan::UcanError;
use less_sync_auth::{RootKey, did_key};
use less_sync_core::{Did, Epoch, Permission, SpaceId, Timestamp};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::{Address, Chain, Membership};
use crate::crypto::{Identity, KeyRing, Secret, SpaceKey, seal, statement};

const PURPOSE: &str = "less-sync-invitation";
const CONTEXT: &[u8] = b"less-sync invitation v1";

/// Failure to open an invitation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OfferError {
    /// Sealed for another identity, or modified.
    #[error("cannot decrypt invitation")]
    Undecryptable,
    /// Not signed by the issuer of the UCAN, or malformed.
    #[error("invitation is not signed by its sender")]
    Forged,
    /// The UCAN grants no rights to the invitee.
    #[error("invitation grants no rights")]
    NoRights(#[source] UcanError),
}

/// Decrypted and verified invitation. [`Offer::accept`] makes a membership of it.
#[derive(Clone, Debug)]
pub struct Offer {
    /// `did:key` of the sender, who issued the rights.
    pub from: Did,
    /// Granted permission.
    pub permission: Permission,
    /// Expiry of the rights, inclusive.
    pub expires_at: Timestamp,
    /// Rights and key as offered. Private, since they must not be stored unchecked.
    pub(super) membership: Membership,
}

#[derive(Serialize, Deserialize)]
struct Body {
    space: String,
    root: String,
    name: String,
    ucan: String,
    epoch: i32,
    key: Secret,
}

impl Offer {
    /// Encrypts an offer for the holder of `address`: `ucan`, which `author` must have issued, and the newest key. `None` if
    /// the key ring is empty.
    #[must_use]
    pub fn seal(author: &Identity, membership: &Membership, address: &Address, ucan: &str) -> Option<String> {
        let key = membership.keys.newest()?;
        let body = Body {
            space: membership.space().to_string(),
            root: BASE64.encode(membership.root_key.as_bytes()),
            name: membership.name.clone(),
            ucan: ucan.to_owned(),
            epoch: key.epoch().get(),
            key: key.secret().clone(),
        };
        let statement = Zeroizing::new(statement::sign(author, PURPOSE, body));
        let recipient = did_key::decode(address.did().as_str()).ok()?;
        Some(BASE64.encode(seal(&recipient, CONTEXT, statement.as_bytes())))
    }

    /// Id of the space.
    #[must_use]
    pub fn space(&self) -> SpaceId {
        self.membership.space()
    }

    /// Display name of the space, chosen by the sender.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.membership.name
    }

    /// Decrypts and verifies an offer for `identity`.
    ///
    /// # Errors
    /// See [`OfferError`].
    pub fn open(identity: &Identity, payload: &str, now: Timestamp) -> Result<Self, OfferError> {
        let sealed = BASE64.decode(payload).map_err(|_| OfferError::Undecryptable)?;
        let plain = identity.open(CONTEXT, &sealed).map_err(|_| OfferError::Undecryptable)?;
        let plain = Zeroizing::new(plain);
        let text = str::from_utf8(&plain).map_err(|_| OfferError::Forged)?;
        let signed = statement::verify::<Body>(PURPOSE, text).ok_or(OfferError::Forged)?;
        let membership = membership(&signed.body).ok_or(OfferError::Forged)?;
        let chain = membership.verify(identity.did(), now).map_err(OfferError::NoRights)?;
        // The server has the chains of all members and could offer a key of its own with one, so the sender must be the
        // issuer of the chain.
        if issuer(&membership.ucan.0).as_deref() != Some(signed.by.as_str()) {
            return Err(OfferError::Forged);
        }
        let from = Did::try_from(signed.by).map_err(|_| OfferError::Forged)?;
        let (permission, expires_at) = (chain.permission(), chain.expires_at());
        Ok(Self { from, permission, expires_at, membership })
    }
}

fn membership(body: &Body) -> Option<Membership> {
    let space: SpaceId = body.space.parse().ok()?;
    let root = BASE64.decode(&body.root).ok()?;
    let mut keys = KeyRing::new(space);
    keys.insert(SpaceKey::new(space, Epoch::new(body.epoch).ok()?, body.key.clone()));
    let root_key = RootKey::try_from(root.as_slice()).ok()?;
    let (name, ucan) = (body.name.clone(), Chain(body.ucan.clone()));
    Some(Membership { name, root_key, ucan, keys })
}

/// Issuer of a token with a verified signature.
fn issuer(token: &str) -> Option<String> {
    #[derive(Deserialize)]
    struct Claims {
        iss: String,
    }
    let payload = BASE64.decode(token.split('.').nth(1)?).ok()?;
    serde_json::from_slice::<Claims>(&payload).ok().map(|claims| claims.iss)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPACE: SpaceId = SpaceId::from_bytes([1; 16]);
    const NOW: Timestamp = Timestamp::from_seconds(1_000_000);
    const END: Timestamp = Timestamp::from_seconds(2_000_000);

    struct Fixture {
        owner: Identity,
        invitee: Identity,
        address: Address,
        membership: Membership,
        ucan: String,
    }

    fn fixture() -> Fixture {
        let [owner, invitee] = std::array::from_fn(|_| Identity::random());
        let root = owner.grant(owner.did(), Permission::Admin, SPACE, END, None);
        let ucan = owner.grant(invitee.did(), Permission::Write, SPACE, END, Some(&root));
        let mut keys = KeyRing::new(SPACE);
        keys.insert(SpaceKey::random(SPACE, Epoch::FIRST));
        let membership =
            Membership { name: "notes".to_owned(), root_key: owner.root_key(), ucan: Chain(root), keys };
        let address = Address::new(invitee.did(), invitee.mailbox("i", "u")).unwrap();
        Fixture { owner, invitee, address, membership, ucan }
    }

    #[test]
    fn invitee_receives_the_space_its_key_and_the_sender() {
        let Fixture { owner, invitee, address, membership, ucan } = fixture();
        let payload = Offer::seal(&owner, &membership, &address, &ucan).unwrap();
        let offer = Offer::open(&invitee, &payload, NOW).unwrap();
        assert_eq!((&offer.from, offer.permission, offer.expires_at), (owner.did(), Permission::Write, END));
        assert_eq!((offer.name(), offer.space()), ("notes", SPACE));
        let [ours, theirs] =
            [&membership, &offer.membership].map(|known| *known.keys.newest().unwrap().secret().expose());
        assert_eq!(ours, theirs);
    }

    #[test]
    fn other_identities_cannot_decrypt_an_offer() {
        let Fixture { owner, membership, address, ucan, .. } = fixture();
        let payload = Offer::seal(&owner, &membership, &address, &ucan).unwrap();
        for identity in [&owner, &Identity::random()] {
            assert_eq!(Offer::open(identity, &payload, NOW).unwrap_err(), OfferError::Undecryptable);
        }
        assert_eq!(Offer::open(&owner, "nonsense", NOW).unwrap_err(), OfferError::Undecryptable);
    }

    /// The server has the chains of members, and could otherwise offer a key of its own with one.
    #[test]
    fn only_the_issuer_of_the_rights_can_offer_them() {
        let Fixture { membership, invitee, address, ucan, .. } = fixture();
        let payload = Offer::seal(&Identity::random(), &membership, &address, &ucan).unwrap();
        assert_eq!(Offer::open(&invitee, &payload, NOW).unwrap_err(), OfferError::Forged);
    }

    #[test]
    fn expired_and_foreign_rights_are_rejected() {
        let Fixture { owner, invitee, address, membership, ucan } = fixture();
        let payload = Offer::seal(&owner, &membership, &address, &ucan).unwrap();
        let late = Timestamp::from_seconds(END.seconds() + 1);
        let expired = Offer::open(&invitee, &payload, late).unwrap_err();
        assert_eq!(expired, OfferError::NoRights(UcanError::Expired));
        let payload = Offer::seal(&owner, &membership, &address, &membership.ucan.0).unwrap();
        let foreign = Offer::open(&invitee, &payload, NOW).unwrap_err();
        assert_eq!(foreign, OfferError::NoRights(UcanError::IdentityMismatch));
    }
}
