//! Development mode: a server on loopback without configuration, with a built-in issuer.

mod banner;
mod guard;
mod issuer;
mod key_file;
mod playground;
mod routes;

pub(crate) use banner::print_next_steps;
pub(crate) use guard::PageGuard;
pub(crate) use issuer::DevIssuer;
pub(crate) use playground::router as playground;
