//! Tests of credentials between servers: vectors of the specification and hostile input.

#![expect(clippy::unwrap_used, reason = "test code may panic")]

// Fuzz targets import their macro from the crate `libfuzzer_sys`; here that is this test.
extern crate self as libfuzzer_sys;

mod appendix;
mod canonical_domains;
mod fuzz_targets;
mod http_signature_vectors;
mod replay_vectors;
mod subscribe_token_vectors;
mod tampering;
mod vectors;
