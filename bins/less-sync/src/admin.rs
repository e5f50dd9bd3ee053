//! `less-sync admin`: views and actions of the operator, on the admin listener of a server (operations §9.1).

mod client;
mod command;
mod connections;
mod denials;
pub(crate) mod format;
mod log_filter;
mod purge;
mod rates;
mod samples;
mod slow_consumers;
mod spaces;
mod table;
mod target;

pub(crate) use client::AdminClient;
pub(crate) use command::{Arguments, run};
pub(crate) use samples::{Interval, Samples};
pub(crate) use table::{Form, cell};
pub(crate) use target::AdminTarget;
