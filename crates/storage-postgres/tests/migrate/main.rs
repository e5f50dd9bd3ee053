//! The migrator on a real PostgreSQL: storage §2, §13 S28, §14; race R20; newer-clients G-16.

#![expect(clippy::unwrap_used, reason = "test code may panic")]
#![expect(clippy::disallowed_methods, reason = "a test owns the tasks that it starts, and awaits them")]

mod adoption;
mod back;
mod catalog;
mod drift;
mod fixture;
mod history;
mod interrupted;
mod original;
mod owners;
mod together;
