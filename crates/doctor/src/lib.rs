//! Checks of a deployment: findings with advice, bounded execution, report as text or JSON (operations §10.3).
//!
//! Without checks of its own: `less-sync doctor` and `less-sync-server doctor` have them.
//!
//! ```
//! use less_sync_doctor::{Finding, Report};
//!
//! let mut report = Report::default();
//! report.add(Finding::ok("dns", "192.0.2.1"));
//! report.add(Finding::fail("tls", "certificate has expired", "renew the certificate"));
//! assert!(report.has_failures());
//! ```

mod certificate;
mod finding;
mod report;
mod run;

pub use certificate::not_after;
pub use finding::{Finding, Verdict};
pub use report::Report;
pub use run::{Check, run};
