//! Spaces of users on two servers that trust each other.

mod sharing;
mod tls;
