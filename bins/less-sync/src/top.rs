//! `less-sync top`: terminal dashboard of a server, on its admin listener (operations §10.5).

mod dashboard;
mod figures;
#[cfg(test)]
mod fixture;
mod history;
mod keys;
mod lists;
#[cfg(test)]
mod live;
#[cfg(test)]
mod picture;
mod poll;
mod run;
mod theme;
mod view;

pub(crate) use run::{Arguments, run};
