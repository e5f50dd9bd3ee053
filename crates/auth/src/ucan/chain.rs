//! A chain from the token that is presented up to its root, in the order of auth §6.3.

use less_sync_core::{Cid, Permission, SpaceId, Timestamp};

use super::expectations::Leaf;
use super::token::Token;
use super::verified::Facts;
use super::{Audience, Expectations, UcanError, VerifiedChain};
use crate::{P256Key, RootKey};

/// Tokens of a chain, the root included.
pub const MAX_CHAIN_TOKENS: usize = 8;

/// Verifies the chain inside `token`: everything but whether a token of it was revoked.
///
/// The work is bounded by the size of the text: at most eight signatures, and no byte is read more often than there
/// are tokens around it.
///
/// # Errors
/// [`UcanError`], decided in the order of auth §6.3; never [`UcanError::Revoked`] or
/// [`UcanError::RevocationCheckFailed`].
pub fn verify(token: &str, expected: &Expectations<'_>, now: Timestamp) -> Result<VerifiedChain, UcanError> {
    verify_by(P256Key::verifies, token, expected, now)
}

/// As [`verify`], with signatures judged by `is_signature` of (key, signed bytes, signature): for a verifier that
/// remembers what it has verified. All members of a space carry the same root token.
///
/// # Errors
/// As [`verify`].
pub fn verify_by(
    is_signature: impl FnMut(&P256Key, &[u8], &[u8]) -> bool,
    token: &str,
    expected: &Expectations<'_>,
    now: Timestamp,
) -> Result<VerifiedChain, UcanError> {
    let facts = walk(is_signature, token, &expected.leaf(), unix_seconds(now))?;
    if !facts.root_key.is(&expected.root_key) {
        return Err(UcanError::RootMismatch);
    }
    Ok(VerifiedChain::new(expected.space, facts))
}

/// Whether the chain inside `token` is one in itself: all that [`verify_by`] checks, for a space whose key nobody
/// knows any more. It gives no rights; it tells a member whose space was lost from a stranger (protocol §4.1 step 3).
///
/// # Errors
/// As [`verify`], except [`UcanError::RootMismatch`].
pub fn verify_to_own_root(
    is_signature: impl FnMut(&P256Key, &[u8], &[u8]) -> bool,
    token: &str,
    audience: Audience<'_>,
    space: SpaceId,
    now: Timestamp,
) -> Result<(), UcanError> {
    let leaf = Leaf { audience, permission: Permission::Read, space };
    walk(is_signature, token, &leaf, unix_seconds(now)).map(drop)
}

fn walk(
    mut is_signature: impl FnMut(&P256Key, &[u8], &[u8]) -> bool,
    token: &str,
    expected: &Leaf<'_>,
    now: u64,
) -> Result<Facts, UcanError> {
    let leaf = Token::open(token, &mut is_signature)?;
    if !expected.audience.is(&leaf.claims.audience) {
        return Err(UcanError::IdentityMismatch);
    }
    let expires_at = leaf.claims.check(expected.space, expected.permission, now)?;
    let permission = leaf.claims.permission()?;
    let mut cids: Vec<Cid> = vec![leaf.cids.cid, leaf.cids.alternate];
    let mut not_before = leaf.claims.not_before;
    let audience = leaf.claims.audience.as_str().into();
    let mut child = leaf;
    for depth in 2.. {
        let Some(proof) = child.claims.proof() else { break };
        let parent = parent(proof, &child, depth, &mut is_signature)?;
        parent.claims.check(expected.space, child.claims.permission()?, now)?;
        cids.extend([parent.cids.cid, parent.cids.alternate]);
        not_before = not_before.max(parent.claims.not_before);
        child = parent;
    }
    let root_key = RootKey::from(&child.issuer);
    Ok(Facts { root_key, permission, audience, expires_at, not_before, cids: cids.into() })
}

/// Steps 10 to 13: the token inside `child`, which would be number `depth`.
fn parent(
    proof: &str,
    child: &Token,
    depth: usize,
    is_signature: &mut impl FnMut(&P256Key, &[u8], &[u8]) -> bool,
) -> Result<Token, UcanError> {
    let too_deep = depth > MAX_CHAIN_TOKENS;
    // It is rejected below at the latest; nobody makes us compute a ninth signature (auth S-07).
    let parent = Token::open(proof, |key: &_, signed: &_, signature: &_| {
        too_deep || is_signature(key, signed, signature)
    })?;
    child.claims.check_parent(&parent.claims)?;
    if too_deep {
        return Err(UcanError::ChainTooDeep);
    }
    Ok(parent)
}

/// The `now` of auth §0. Tokens know no time before 1970.
pub(super) fn unix_seconds(now: Timestamp) -> u64 {
    u64::try_from(now.seconds()).unwrap_or(0)
}
