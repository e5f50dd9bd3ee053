//! Tests of credentials: vectors of the specification, hostile input, the key cache and the permission matrix.

mod actor_hash_vectors;
mod did_key_vectors;
mod hostile_input;
mod key_cache;
mod key_cache_vectors;
mod permission_matrix;
mod space_id_vectors;
mod token_vectors;
mod ucan;
mod ucan_vectors;
