//! Tests of credentials: vectors of the specification, hostile input, the key cache and the permission matrix.

#![expect(clippy::unwrap_used, reason = "test code may panic")]

// Fuzz targets import their macro from the crate `libfuzzer_sys`; here that is this test.
extern crate self as libfuzzer_sys;

mod actor_hash_vectors;
mod did_key_vectors;
mod fuzz_targets;
mod hostile_input;
mod key_cache;
mod key_cache_vectors;
mod permission_matrix;
mod space_id_vectors;
mod token_vectors;
mod ucan;
mod ucan_vectors;
