//! Broker under test through its public interface: calls as connections make them, frames as their outboxes get them.

#![expect(clippy::unwrap_used, clippy::panic, reason = "any failure in the fixture has to fail the test")]

mod events;
mod fixture;
mod homes;
mod presence;
mod races;
mod repair;
mod revocations;
mod subscriptions;
