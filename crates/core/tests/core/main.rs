//! Tests of the wire format: CBOR profile, envelopes, member semantics, round trips and vectors.

mod envelopes;
mod members;
mod profile;
mod round_trip;
mod vectors;
