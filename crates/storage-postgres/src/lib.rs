//! The PostgreSQL storage adapter of less-sync: the contract of `less-sync-storage` on a shared database.
//!
//! It brings its own schema ([`migrate`]) and knows neither the wire nor HTTP.

pub mod migrate;
