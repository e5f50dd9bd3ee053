//! Real things for the tests of less-sync: a server on a free port, devices, an issuer, a frame-level client
//! for hostile input, a faulty network and a clock that a test moves by hand.
//!
//! Only ever a dev-dependency. Everything listens on loopback; nothing here sleeps to wait for something:
//! waiting is a future with a deadline ([`within`]), and what is missing at the deadline is a failure that
//! says what was awaited.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::missing_panics_doc,
    clippy::panic,
    reason = "whatever goes wrong in here has to fail a test, loudly"
)]

pub mod architecture;
mod changes;
pub mod citations;
mod clock;
pub mod crashes;
mod deadline;
mod device;
mod issuer;
mod notation;
pub mod postgres;
mod proxy;
mod raw_client;
#[cfg(feature = "s3")]
pub mod s3;
mod server;
mod shared_space;
mod ucan;
mod upload;

pub use changes::{create, delete, record_id, update};
pub use clock::ManualClock;
pub use deadline::{PATIENCE, within};
pub use device::{Connecting, Device};
pub use issuer::{Behaviour, Claims, Issuer};
pub use notation::{bytes, decode, encode, hex, unhex};
pub use proxy::{Fault, FaultProxy, Link};
pub use raw_client::{Answer, Frame, Opcode, RawClient, Received, Upgrade};
pub use server::{TestServer, TestServerBuilder};
pub use shared_space::{SharedSpace, derived_space, random_space};
pub use ucan::{Member, Ucan, flip_signature};
