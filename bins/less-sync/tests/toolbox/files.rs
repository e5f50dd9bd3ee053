//! Files in a personal space.

mod behind_caddy;
mod interruptions;
mod listing;
mod rejections;
mod round_trips;
mod tampering;
