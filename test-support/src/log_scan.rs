//! Scan of everything that a server under test logs, at any level, for values that may never be logged (operations §6).
//!
//! Tokens, chains, DIDs, mailboxes and user ids are remembered where the harness makes them. Every test with a
//! [`TestServer`](crate::TestServer) fails when one of them occurs in a log event or span.

use std::collections::BTreeSet;
use std::fmt::{Debug, Write as _};
use std::sync::Once;

use less_sync_app::is_loggable;
use parking_lot::{Mutex, RwLock};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Subscriber};
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};
use tracing_subscriber::util::SubscriberInitExt as _;

/// Shortest text that is scanned for: shorter ones occur by chance.
const SHORTEST: usize = 5;

static SECRETS: RwLock<BTreeSet<String>> = RwLock::new(BTreeSet::new());
static FOUND: Mutex<Vec<String>> = Mutex::new(Vec::new());
static WATCHED: Mutex<Vec<(&str, String)>> = Mutex::new(Vec::new());

/// Scans for `text` from now on. Texts shorter than five bytes are not scanned for.
pub fn never_logged(text: &str) {
    if text.len() >= SHORTEST && !SECRETS.read().contains(text) {
        SECRETS.write().insert(text.to_owned());
    }
}

/// Events whose text contains a text, from the start of the watch on. Not for texts of concurrent tests of one process.
#[derive(Debug)]
pub struct LogWatch(&'static str);

impl LogWatch {
    /// Starts to keep the events that contain `text`.
    #[must_use]
    pub fn start(text: &'static str) -> Self {
        install();
        WATCHED.lock().retain(|(watched, _)| *watched != text);
        WATCHED.lock().push((text, String::new()));
        Self(text)
    }

    /// Events so far, one per line: level, target, and fields.
    ///
    /// # Panics
    /// If another watch of the same text was started.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        let watched = WATCHED.lock();
        let (_, lines) = watched.iter().find(|(text, _)| *text == self.0).expect("a watch");
        lines.lines().map(str::to_owned).collect()
    }
}

/// Installs the scanner of this process, with the rules of the server's own log.
fn install() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        let layer = Scanner.with_filter(filter_fn(is_loggable));
        tracing_subscriber::registry().with(layer).try_init().expect("no other subscriber in a test");
    });
}

/// Scan of a server's lifetime. Dropping it fails the test if anything was found.
#[derive(Debug)]
pub(crate) struct LogScan(());

impl LogScan {
    /// Scans all that this process logs.
    pub(crate) fn start() -> Self {
        install();
        Self(())
    }
}

impl Drop for LogScan {
    fn drop(&mut self) {
        let found = std::mem::take(&mut *FOUND.lock());
        if !std::thread::panicking() {
            assert!(found.is_empty(), "logged: {found:#?}");
        }
    }
}

struct Scanner;

impl<S: Subscriber> Layer<S> for Scanner {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut text = Text::of(event.metadata());
        event.record(&mut text);
        text.scan();
    }

    fn on_new_span(&self, span: &Attributes<'_>, _: &Id, _: Context<'_, S>) {
        let mut text = Text::of(span.metadata());
        span.record(&mut text);
        text.scan();
    }

    fn on_record(&self, _: &Id, values: &Record<'_>, _: Context<'_, S>) {
        let mut text = Text(String::new());
        values.record(&mut text);
        text.scan();
    }
}

/// Fields of an event or span as text.
struct Text(String);

impl Text {
    fn of(metadata: &tracing::Metadata<'_>) -> Self {
        Self(format!("{} {}", metadata.level(), metadata.target()))
    }

    fn scan(self) {
        for (_, lines) in WATCHED.lock().iter_mut().filter(|(text, _)| self.0.contains(text)) {
            let _infallible = writeln!(lines, "{}", self.0.replace('\n', " "));
        }
        if SECRETS.read().iter().any(|secret| self.0.contains(secret.as_str())) {
            FOUND.lock().push(self.0);
        }
    }
}

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        // Writing to a string does not fail.
        let _ = write!(self.0, " {field}={value:?}");
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        let _ = write!(self.0, " {field}={value}");
    }

    fn record_error(&mut self, field: &Field, value: &(dyn std::error::Error + 'static)) {
        let _ = write!(self.0, " {field}={}", less_sync_core::ErrorChain(value));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn remembered_texts_are_found_in_events_and_spans() {
        let scan = LogScan::start();
        never_logged("a secret text");
        tracing::trace!("harmless");
        assert!(FOUND.lock().is_empty());
        tracing::trace!(value = "with a secret text in it", "event");
        tracing::info_span!("span", value = ?Some("a secret text")).in_scope(|| ());
        assert_eq!(std::mem::take(&mut *FOUND.lock()).len(), 2);
        drop(scan);
    }

    #[test]
    fn watched_events_are_kept_with_their_fields() {
        let watch = LogWatch::start("a watched event");
        tracing::trace!("another event");
        tracing::trace!(size = 7, "a watched event");
        let lines = watch.lines();
        assert!(matches!(lines.as_slice(), [line] if line.contains("size=7")), "{lines:?}");
    }
}
