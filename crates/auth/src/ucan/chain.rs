//! Verification of a UCAN chain from leaf to root, in the order of auth §6.3.

use less_sync_core::{Cid, Permission, SpaceId, Timestamp};

use super::expectations::Leaf;
use super::token::Token;
use super::verified::Facts;
use super::{Audience, Expectations, UcanError, VerifiedChain};
use crate::{P256Key, RootKey};

/// Maximum number of tokens in a chain, the root included.
pub const MAX_CHAIN_TOKENS: usize = 8;

/// Verifies the chain in `token`, except for revocation.
///
/// Cost is bounded by the size of the text: at most eight signatures, and each byte is decoded at most once per
/// enclosing token.
///
/// # Errors
/// [`UcanError`], decided in the order of auth §6.3; never [`UcanError::Revoked`] or
/// [`UcanError::RevocationCheckFailed`].
pub fn verify(token: &str, expected: &Expectations<'_>, now: Timestamp) -> Result<VerifiedChain, UcanError> {
    verify_by(P256Key::verifies, token, expected, now)
}

/// Variant of [`verify`] whose signatures are judged by `is_signature` of (key, signed bytes, signature), for a caller
/// that caches signature results. All members of a space share the same root token.
///
/// # Errors
/// As [`verify`].
pub fn verify_by(
    is_signature: impl FnMut(&P256Key, &[u8], &[u8]) -> bool,
    token: &str,
    expected: &Expectations<'_>,
    now: Timestamp,
) -> Result<VerifiedChain, UcanError> {
    let facts = walk(is_signature, token, &expected.leaf(), now.unix_seconds())?;
    if !facts.root_key.is(&expected.root_key) {
        return Err(UcanError::RootMismatch);
    }
    Ok(VerifiedChain::new(expected.space, facts))
}

/// Verifies that the chain in `token` is consistent up to its own root: all that [`verify_by`] checks, for a space whose
/// root key is lost or elsewhere, and returns that root key. Grants no rights; it separates members of a lost or remote space
/// from other callers (protocol §4.1 step 3, federation RT-1).
///
/// # Errors
/// As [`verify`], except [`UcanError::RootMismatch`].
pub fn verify_to_own_root(
    is_signature: impl FnMut(&P256Key, &[u8], &[u8]) -> bool,
    token: &str,
    audience: Audience<'_>,
    space: SpaceId,
    now: Timestamp,
) -> Result<RootKey, UcanError> {
    let leaf = Leaf { audience, permission: Permission::Read, space };
    walk(is_signature, token, &leaf, now.unix_seconds()).map(|facts| facts.root_key)
}

fn walk(
    mut is_signature: impl FnMut(&P256Key, &[u8], &[u8]) -> bool,
    token: &str,
    expected: &Leaf<'_>,
    now: u64,
) -> Result<Facts, UcanError> {
    let leaf = Token::open(token, &mut is_signature)?;
    let audience = leaf.claims.audience.clone().filter(|audience| expected.audience.is(audience));
    let audience = audience.ok_or(UcanError::IdentityMismatch)?;
    let expires_at = leaf.claims.check(expected.space, expected.permission, now)?;
    let permission = leaf.claims.permission()?;
    let mut cids: Vec<Cid> = vec![leaf.cids.cid, leaf.cids.alternate];
    let mut not_before = leaf.claims.not_before;
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

/// Verifies the proof inside `child`, which would be token number `depth` of the chain: steps 10 to 13.
fn parent(
    proof: &str,
    child: &Token,
    depth: usize,
    is_signature: &mut impl FnMut(&P256Key, &[u8], &[u8]) -> bool,
) -> Result<Token, UcanError> {
    let too_deep = depth > MAX_CHAIN_TOKENS;
    // A longer chain is rejected below at the latest; no ninth signature is verified (auth S-07).
    let parent = Token::open(proof, |key: &_, signed: &_, signature: &_| {
        too_deep || is_signature(key, signed, signature)
    })?;
    child.claims.check_parent(&parent.claims)?;
    if too_deep {
        return Err(UcanError::ChainTooDeep);
    }
    Ok(parent)
}
