//! Client against a fake server over in-memory pipes, so that time can be paused.

#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail the test")]

mod calls;
mod dialing;
mod endings;
mod events;
mod fake;
mod files;
mod playground_formats;
mod pulls;
mod sessions;
mod shared;
