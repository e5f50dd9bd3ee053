//! Use of the connections of an adapter.

/// Connections of an adapter by state, at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PoolState {
    /// Open connections without an operation.
    pub idle: usize,
    /// Connections with an operation.
    pub used: usize,
    /// Operations that wait for a connection.
    pub waiting: usize,
}
