//! The HTTP edge without a network: routes and layers as a `tower` service.

mod bearer;
mod documents;
mod edge;
mod harness;
mod health;
