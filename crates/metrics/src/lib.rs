//! Metrics of a server: counters, gauges and histograms, and the registry that renders them (operations §7).
//!
//! Crates own their metrics as handles, in a struct, and count by relaxed atomic additions: no lock, no look-up by name or
//! label. The struct registers its handles in the [`Registry`] of one server under their names; the registry renders them as
//! OpenMetrics text for a scrape, and lists them for the documentation.
//!
//! ```
//! use less_sync_metrics::{Counter, Registry};
//!
//! let (ok, error) = <(Counter, Counter)>::default();
//! let mut registry = Registry::default();
//! let outcomes = [(["ok"], ok.clone()), (["error"], error.clone())];
//! registry.family("logins_total", "responses to logins", ["outcome"], outcomes);
//! ok.inc();
//! assert!(registry.render().contains("logins_total{outcome=\"ok\"} 1\n"));
//! ```

mod family;
mod histogram;
mod rare_counter;
mod reading;
mod registry;

pub use histogram::Histogram;
pub use prometheus_client::metrics::counter::Counter;
pub use prometheus_client::metrics::gauge::Gauge;
pub use prometheus_client::registry::Metric;
pub use rare_counter::RareCounter;
pub use reading::Reading;
pub use registry::{CONTENT_TYPE, Definition, Kind, Registry};
