//! What clients saw, written down while it happened, and a checker that says whether a server may have done that.
//!
//! A history is a file of [`Event`]s, one JSON object per line, in the order in which one recorder heard of them. Every
//! request is two lines, one before it is sent and one when its outcome is known; so the order of lines says which
//! requests overlapped and which did not. [`check()`] reads such a file in time proportional to its length and names every
//! line that breaks a promise (storage §5):
//!
//! * an acknowledged push is never lost: every later pull has it, or something newer in its place;
//! * no push takes effect twice, and none that was rejected takes effect at all;
//! * cursors are given once, and only ever grow: what is acknowledged later has the larger cursor;
//! * a push is there as a whole or not at all;
//! * no push overwrites what its writer had not seen;
//! * live events of one subscription follow each other without a hole, or say that there is one.
//!
//! The outcome of a request whose connection broke is unknown; what others see of it later decides.
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
//! let verdict = check(history.as_bytes()).expect("it is readable");
//! assert_eq!(verdict.violations[0].line, 5);
//! assert!(verdict.violations[0].what.contains("lost"));
//! ```

mod check;
mod event;
mod recorder;

pub use check::{Unreadable, Verdict, Violation, check};
pub use event::{Change, Event, Row};
pub use recorder::Recorder;
