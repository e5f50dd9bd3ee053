//! Shared spaces of several users, each with a key directory.

mod acceptance;
mod collaboration;
mod development;
mod files;
mod rejections;
mod removal;
mod rotation;
pub(crate) mod toolbox_user;
