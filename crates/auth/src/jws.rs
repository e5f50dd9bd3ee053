//! Compact JWS serialization, common to access tokens and UCANs (auth §2.1).

use crate::base64url;

/// Split token whose parts are not verified yet.
pub(crate) struct Segments<'t> {
    /// Signed bytes: header and payload with the dot between them.
    pub(crate) signed: &'t str,
    pub(crate) header: Vec<u8>,
    pub(crate) payload: Vec<u8>,
    pub(crate) signature: Vec<u8>,
}

impl<'t> Segments<'t> {
    /// Splits into exactly three segments of canonical base64url.
    pub(crate) fn split(token: &'t str) -> Option<Self> {
        let (signed, signature) = token.rsplit_once('.')?;
        let (header, payload) = signed.split_once('.')?;
        Some(Self {
            signed,
            header: base64url::decode(header)?,
            payload: base64url::decode(payload)?,
            signature: base64url::decode(signature)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_has_three_segments() {
        let token = Segments::split("e30.e30.AAAA").unwrap();
        assert_eq!(
            (token.signed, &token.header[..], &token.signature[..]),
            ("e30.e30", &b"{}"[..], &[0; 3][..])
        );
        for wrong in ["", "e30", "e30.e30", "e30.e30.e30.AAAA", "e30=.e30.AAAA", "e30.e30.AAAB="] {
            assert!(Segments::split(wrong).is_none(), "{wrong}");
        }
    }
}
