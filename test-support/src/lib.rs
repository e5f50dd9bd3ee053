//! Test harness of less-sync: server on a free port, devices, issuer, frame-level client for hostile input, faulty network,
//! PostgreSQL, NATS and S3 servers, manual clock.
//!
//! For use as a dev-dependency only. All servers listen on loopback. Waiting never is a sleep, but a future with a deadline
//! ([`within`]) that fails the test with a description of the awaited event.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::missing_panics_doc,
    clippy::panic,
    reason = "test code may panic"
)]

pub mod architecture;
mod certificates;
mod changes;
pub mod citations;
mod clock;
mod cluster;
pub mod crashes;
mod deadline;
mod device;
mod empty_environment;
mod free_address;
mod installed;
mod issuer;
mod log_scan;
mod nats;
mod notation;
mod original_home;
#[cfg(feature = "otel")]
mod otlp;
pub mod postgres;
mod proxy;
mod raw_client;
mod reverse_proxy;
#[cfg(feature = "s3")]
pub mod s3;
mod server;
mod shared_space;
mod ucan;
mod upload;

pub use certificates::{Authority, CertificateFiles};
pub use changes::{create, delete, record_id, update};
pub use clock::ManualClock;
pub use cluster::Cluster;
pub use deadline::{DEADLINE, within};
pub use device::{Connecting, Device};
pub use empty_environment::EmptyEnvironment;
pub use free_address::free_address;
pub use issuer::{Behaviour, Claims, Issuer};
pub use log_scan::{LogWatch, never_logged};
pub use nats::NatsServer;
pub use notation::{bytes, decode, encode, hex, unhex};
pub use original_home::OriginalHome;
#[cfg(feature = "otel")]
pub use otlp::OtlpCollector;
pub use proxy::{Fault, FaultProxy, Link};
pub use raw_client::{Frame, HttpResponse, Opcode, RawClient, Received, Upgrade};
pub use reverse_proxy::ReverseProxy;
pub use server::{KilledServer, TestNode, TestServer, TestServerBuilder};
pub use shared_space::{SharedSpace, derived_space, random_space};
pub use ucan::{Member, Ucan, flip_signature};
