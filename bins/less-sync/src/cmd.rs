//! Commands, one per file.

pub(crate) mod bench;
pub(crate) mod demo;
pub(crate) mod doctor;
pub(crate) mod event;
pub(crate) mod file;
pub(crate) mod history_check;
pub(crate) mod identity;
pub(crate) mod key;
pub(crate) mod login;
pub(crate) mod presence;
pub(crate) mod pull;
pub(crate) mod push;
pub(crate) mod space;
pub(crate) mod tail;
pub(crate) mod token;
