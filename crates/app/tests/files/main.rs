//! Files over HTTP, end to end: a real server, a real HTTP client, a real directory (http §7, newer-clients §7).

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "whatever goes wrong in here has to fail a test, loudly"
)]

mod buckets;
mod conformity;
mod deletion;
mod downloads;
mod events;
mod faults;
mod fixture;
mod heads;
mod limits;
mod outages;
mod owners;
mod rejections;
mod repeats;
mod shared_spaces;
mod uploads;
