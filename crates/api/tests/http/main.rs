//! The HTTP edge without a network: routes and layers, asked through the service they are.

mod bearer;
mod documents;
mod edge;
mod health;
mod support;
