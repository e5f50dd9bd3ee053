//! Histories of pushes, pulls and live events, recorded by clients, and a consistency checker for them.
//!
//! A history is a file of [`Event`]s, one JSON object per line, in the order in which one [`Recorder`] received them. Every
//! request has two lines, one before it is sent and one with its outcome, so the order of lines tells which requests
//! overlapped. [`check()`] reads a history in time proportional to its length, and reports every violation of the
//! guarantees of a server (storage §5):
//!
//! * durability: an acknowledged push is in every later pull, or a newer state of its records is;
//! * at most once: no push takes effect twice, and a rejected push never;
//! * order: cursors are unique and increase, so a push acknowledged before another one was sent has the lower cursor;
//! * atomicity: a push is visible as a whole or not at all; the event of a push that is read after its commit lacks the
//!   records that a later push has written again;
//! * optimistic concurrency: no push overwrites a state that its writer had not seen;
//! * live events: the events of a subscription are contiguous, or a hint to pull marks the gap.
//!
//! The outcome of a request on a lost connection is unknown, until another client observes its effect.
//!
//! ```
//! use less_sync_history::check;
//!
//! let history = r#"
//! {"event":"push","op":1,"space":"s","changes":[{"record":"r","expected":0,"value":"a"}]}
//! {"event":"pushed","op":1,"cursor":1}
//! {"event":"pull","op":2,"space":"s","since":0}
//! {"event":"pulled","op":2,"cursor":1,"rows":[]}
//! "#;
//! let verdict = check(history.as_bytes()).expect("a well-formed history");
//! assert_eq!(verdict.violations[0].line, 5);
//! assert!(verdict.violations[0].what.contains("lost"));
//! ```

mod check;
mod event;
mod recorder;

pub use check::{Unreadable, Verdict, Violation, check};
pub use event::{Change, Event, Row};
pub use recorder::Recorder;
