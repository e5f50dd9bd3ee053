//! Durability of a private server.

/// Durability of commits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// No fsync: fast, and lost in a crash.
    Volatile,
    /// Full: an acknowledged commit survives a power cut.
    Durable,
}
