//! Credentials between servers (auth §8, §9): Ed25519 keys, their ids and the sealing of their seeds, HTTP message signatures on requests of peers, and
//! federation subscribe tokens. Pure functions of (input, keys, now).

pub mod ed25519;
pub mod http_signature;
pub mod key_id;
pub mod key_set;
pub mod peer_key_set;
pub mod replay;
pub mod sealing;
pub mod subscribe_token;

pub use ed25519::{InvalidPeerKey, PeerKey, SigningKey};
pub use key_id::{InvalidKeyId, KeyId};
