//! Files in a personal space.

mod interruptions;
mod listing;
mod rejections;
mod round_trips;
mod tampering;
