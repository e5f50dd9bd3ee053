//! Rules of the source: dependencies and imports point down, files stay readable, texts start with a statement.

#![expect(clippy::unwrap_used, reason = "test code may panic")]

mod circles;
mod crates;
mod files;
mod sources;
mod wording;
