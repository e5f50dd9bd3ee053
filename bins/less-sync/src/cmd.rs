//! Commands, one per file.

pub(crate) mod bench;
pub(crate) mod file;
pub(crate) mod history_check;
pub(crate) mod identity;
pub(crate) mod key;
pub(crate) mod pull;
pub(crate) mod push;
pub(crate) mod space;
pub(crate) mod tail;
pub(crate) mod token;
