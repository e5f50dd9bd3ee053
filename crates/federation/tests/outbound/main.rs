//! Outbound links against peers that the tests play, over in-memory sockets and a manual clock (federation §25.2, §26.2).

#![expect(clippy::unwrap_used, clippy::panic, reason = "panicking is how a test fails")]

mod calls;
mod dials;
mod files;
mod fixture;
mod interests;
mod invitations;
mod lifetime;
mod listings;
mod pulls;
mod recorder;
mod trust;
mod unused_ports;
