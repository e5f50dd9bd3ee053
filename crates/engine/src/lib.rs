//! The use cases of less-sync, one per file: authorize → check → store → publish.
//!
//! The engine knows no socket, no HTTP, no SQL and no CBOR. What it needs of the world it asks for through the
//! ports in [`ports`].

pub mod ports;

pub use ports::{Clock, EventSink, PushedEvent, Spawner, SpaceEvent};
