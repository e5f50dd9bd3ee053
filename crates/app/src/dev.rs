//! Development mode: a server that needs no configuration, on loopback, with an issuer of its own.

mod banner;
mod issuer;
mod key_file;
mod token_route;

pub(crate) use banner::print_next_steps;
pub(crate) use issuer::DevIssuer;
