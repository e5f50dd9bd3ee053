//! The broker, driven the way connections drive it, and judged by the frames that reach their outboxes.

#![expect(clippy::unwrap_used, clippy::panic, reason = "whatever goes wrong in here has to fail a test")]

mod events;
mod fixture;
mod presence;
mod races;
mod repair;
mod revocations;
mod subscriptions;
