//! Federation subscribe tokens (auth §8, federation §10): a peer renews its subscriptions with them after a reconnect. Only the
//! home server reads them. Version 2 is issued; version 1 of original servers is verified as well.

use std::time::Duration;

use hmac::{Hmac, KeyInit, Mac};
use less_sync_core::{CanonicalDomain, Cid, PeerId, SpaceId, Timestamp};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::base64url;

/// Longest lifetime of a token.
pub const MAX_LIFETIME: Duration = Duration::from_hours(24);

/// Length of the random nonce, in bytes.
pub const NONCE_BYTES: usize = 16;

/// Maximum number of CIDs in a token: both of each of eight tokens of a chain.
const MAX_CIDS: usize = 16;

/// Tolerance for tokens of a process whose clock is ahead, in seconds.
const CLOCK_TOLERANCE: i64 = 300;

/// Message from which the key is derived; other uses of the secret have other messages (federation TH-31).
const KEY_LABEL: &[u8] = b"fst-key-v1";

/// Bytes before the CIDs of a version 2 token: version, nonce, space, domain hash, expiry.
const HEAD: usize = 73;

const MAC: usize = 32;

/// SHA-256 of the canonical domain of the peer that a token was issued to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DomainHash([u8; 32]);

impl From<&PeerId> for DomainHash {
    fn from(peer: &PeerId) -> Self {
        Self(Sha256::digest(peer.as_str()).into())
    }
}

impl From<&CanonicalDomain> for DomainHash {
    fn from(domain: &CanonicalDomain) -> Self {
        Self(Sha256::digest(domain.to_string()).into())
    }
}

/// Rejection of a subscribe token. On the wire both classes are `forbidden`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SubscribeTokenError {
    /// Malformed token, a token of another key or for another peer, or one that lives too long.
    #[error("invalid subscribe token")]
    Invalid,
    /// Token past its expiry.
    #[error("subscribe token has expired")]
    Expired,
}

impl SubscribeTokenError {
    /// Name of the class, for logs and metrics.
    #[must_use]
    pub const fn class(self) -> &'static str {
        match self {
            Self::Invalid => "invalid_token",
            Self::Expired => "expired_token",
        }
    }
}

/// Verified subscribe token. The caller compares the space and looks the CIDs up among the revocations of the space.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubscribeToken {
    /// Space of the subscription.
    pub space: SpaceId,
    /// Expiry, inclusive.
    pub expires: Timestamp,
    /// Both CIDs of every token of the authorizing chain, leaf first. Empty for version 1.
    pub cids: Vec<Cid>,
}

/// Content of a token to be issued.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issue<'c> {
    /// Space of the subscription.
    pub space: SpaceId,
    /// Receiver.
    pub peer: DomainHash,
    /// Expiry, inclusive; see [`SubscribeTokens::expiry`].
    pub expires: Timestamp,
    /// Both CIDs of every token of the authorizing chain, leaf first: 1 to 16.
    pub cids: &'c [Cid],
}

/// Key derived from a secret of the configuration, zeroized on drop.
struct Key(Zeroizing<[u8; 32]>);

impl Key {
    fn derive(secret: &[u8]) -> Self {
        Self(Zeroizing::new(mac(secret, KEY_LABEL).finalize().into_bytes().into()))
    }

    fn verifies(&self, message: &[u8], tag: &[u8]) -> bool {
        mac(&*self.0, message).verify_slice(tag).is_ok()
    }
}

/// HMAC-SHA256 with `key`, of any length, over `message`.
fn mac(key: &[u8], message: &[u8]) -> Hmac<Sha256> {
    // HMAC hashes keys longer than a block and fills up shorter ones.
    let mut block = Zeroizing::new([0; 64]);
    if key.len() > block.len() {
        block.iter_mut().zip(Sha256::digest(key)).for_each(|(target, byte)| *target = byte);
    } else {
        block.iter_mut().zip(key).for_each(|(target, byte)| *target = *byte);
    }
    let mac: Hmac<Sha256> = Hmac::new(&(*block).into());
    mac.chain_update(message)
}

/// Issuer and verifier of subscribe tokens, with the current and the previous secret.
#[expect(missing_debug_implementations, reason = "keys are not shown (auth S-12)")]
pub struct SubscribeTokens {
    current: Key,
    previous: Option<Key>,
    lifetime: Duration,
}

impl SubscribeTokens {
    /// Derives the keys. `lifetime` is cut at [`MAX_LIFETIME`].
    #[must_use]
    pub fn new(secret: &[u8], previous: Option<&[u8]>, lifetime: Duration) -> Self {
        Self {
            current: Key::derive(secret),
            previous: previous.map(Key::derive),
            lifetime: lifetime.min(MAX_LIFETIME),
        }
    }

    /// Expiry of a token issued at `now` for an authorization that expires at `bound`: the earliest `exp` of the presented chain,
    /// or the expiry of the presented token. `None` when it has passed already: no token is issued then (federation §10.2).
    #[must_use]
    pub fn expiry(&self, now: Timestamp, bound: Option<Timestamp>) -> Option<Timestamp> {
        let latest = Timestamp::from_seconds(now.seconds()).plus(self.lifetime);
        let expires = bound.map_or(latest, |bound| bound.min(latest));
        (expires.seconds() >= now.seconds()).then_some(expires)
    }

    /// Issues a token of version 2. `nonce` is random. `None` when the number of CIDs is not 1 to 16: a subscription without a
    /// known chain gets no token (federation §10.4).
    #[must_use]
    pub fn issue(&self, issue: &Issue<'_>, nonce: [u8; NONCE_BYTES]) -> Option<String> {
        let count = u8::try_from(issue.cids.len()).ok().filter(|count| usize::from(*count) <= MAX_CIDS)?;
        if count == 0 {
            return None;
        }
        let mut token = Vec::with_capacity(HEAD + 1 + issue.cids.len() * 32 + MAC);
        token.push(2);
        token.extend(nonce);
        token.extend(issue.space.as_bytes());
        token.extend(issue.peer.0);
        token.extend(issue.expires.unix_seconds().to_be_bytes());
        token.push(count);
        issue.cids.iter().for_each(|cid| token.extend(cid.as_bytes()));
        let tag = mac(&*self.current.0, &token).finalize().into_bytes();
        token.extend(tag);
        Some(base64url::encode(&token))
    }

    /// Verifies `token` for `peer` at `now`.
    ///
    /// # Errors
    /// [`SubscribeTokenError`] of the first failed check, in the order of auth §8.
    pub fn verify(
        &self,
        token: &str,
        peer: DomainHash,
        now: Timestamp,
    ) -> Result<SubscribeToken, SubscribeTokenError> {
        let bytes = base64url::decode(token).ok_or(SubscribeTokenError::Invalid)?;
        let (message, tag) = split(&bytes).ok_or(SubscribeTokenError::Invalid)?;
        let is_ours = self.current.verifies(message, tag)
            || self.previous.as_ref().is_some_and(|key| key.verifies(message, tag));
        let parts = Parts::read(message).filter(|_| is_ours).ok_or(SubscribeTokenError::Invalid)?;
        let latest = now.plus(MAX_LIFETIME).seconds().saturating_add(CLOCK_TOLERANCE);
        let expires = i64::try_from(parts.expires).ok().filter(|expires| *expires <= latest);
        let is_for_peer = bool::from(parts.peer.ct_eq(&peer.0));
        let expires = expires.filter(|_| is_for_peer).ok_or(SubscribeTokenError::Invalid)?;
        if now.seconds() > expires {
            return Err(SubscribeTokenError::Expired);
        }
        Ok(SubscribeToken {
            space: SpaceId::from_bytes(parts.space),
            expires: Timestamp::from_seconds(expires),
            cids: parts.cids,
        })
    }
}

/// Splits a token of a known version and its length into the authenticated part and the tag.
fn split(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let authenticated = match bytes.first()? {
        1 => HEAD,
        2 => {
            let count = usize::from(*bytes.get(HEAD)?);
            (1..=MAX_CIDS).contains(&count).then_some(HEAD + 1 + 32 * count)?
        }
        _ => return None,
    };
    bytes.split_at_checked(authenticated).filter(|(_, tag)| tag.len() == MAC)
}

/// Fields of the authenticated part.
struct Parts {
    space: [u8; 16],
    peer: [u8; 32],
    expires: u64,
    cids: Vec<Cid>,
}

impl Parts {
    fn read(message: &[u8]) -> Option<Self> {
        let (_, rest) = message.split_at_checked(1 + NONCE_BYTES)?;
        let (space, rest) = rest.split_first_chunk::<16>()?;
        let (peer, rest) = rest.split_first_chunk::<32>()?;
        let (expires, rest) = rest.split_first_chunk::<8>()?;
        let (cids, _) = rest.get(1..).unwrap_or_default().as_chunks::<32>();
        Some(Self {
            space: *space,
            peer: *peer,
            expires: u64::from_be_bytes(*expires),
            cids: cids.iter().map(|cid| Cid::from_bytes(*cid)).collect(),
        })
    }
}
