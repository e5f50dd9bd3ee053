//! Errors of scanning and decoding.

/// Message that is not exactly one well-formed item within the profile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a well-formed item of the CBOR profile")]
pub struct Malformed;

/// Params that do not decode as the requested type: not a map, a member missing, of the wrong type or out of range.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("params cannot be decoded")]
pub struct InvalidParams;

impl From<Malformed> for InvalidParams {
    fn from(Malformed: Malformed) -> Self {
        Self
    }
}
