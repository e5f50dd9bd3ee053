//! Logging to standard error (operations §6); standard output is for results. A slow reader of it delays nothing.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::io::IsTerminal as _;

use tracing::Metadata;
use tracing::level_filters::LevelFilter;
use tracing_appender::non_blocking::WorkerGuard;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Registry, reload};

use crate::config::{LogFormat, LoggingConfig};
use crate::journal::Prioritized;
use crate::log_filter::LogFilter;
use crate::log_writer;
use crate::otel::Traces;

/// Log of the process. Dropping it writes the lines that are queued.
pub(crate) struct Log {
    filter: reload::Handle<EnvFilter, Registry>,
    /// Dropped before the writer, which logs its failure.
    _traces: Option<Traces>,
    _writer: WorkerGuard,
}

impl Log {
    /// Replaces the filter with that of `config`; the format does not change.
    pub(crate) fn set_filter(&self, config: &LoggingConfig) {
        if let Err(error) = replace(&self.filter, &config.filter) {
            tracing::error!(%error, "failed to reload the log filter");
        }
    }

    /// Setter of the filter, for other owners than this one.
    pub(crate) fn setter(&self) -> LogFilter {
        let filter = self.filter.clone();
        LogFilter::new(move |directives| replace(&filter, directives))
    }
}

fn replace(handle: &reload::Handle<EnvFilter, Registry>, directives: &str) -> anyhow::Result<()> {
    handle.reload(EnvFilter::try_new(directives)?)?;
    tracing::info!(filter = directives, "log filter reloaded");
    Ok(())
}

/// Installs the global subscriber; once per process. Spans go to `traces`, too.
///
/// # Errors
/// The filter is invalid, or a subscriber is installed already.
pub(crate) fn start(config: &LoggingConfig, traces: Option<Traces>) -> anyhow::Result<Log> {
    let (filter, handle) = reload::Layer::new(EnvFilter::try_new(&config.filter)?);
    let (lines, guard) = log_writer::to_stderr();
    let writer = Prioritized::to_stderr(lines);
    let registry = tracing_subscriber::registry().with(filter).with(filter_fn(is_loggable));
    let registry = registry.with(traces.as_ref().map(Traces::layer));
    let lines = tracing_subscriber::fmt::layer().with_writer(writer).with_target(false);
    match config.format.unwrap_or_else(default_format) {
        LogFormat::Text => registry.with(lines).try_init()?,
        LogFormat::Json => registry.with(lines.json().flatten_event(true)).try_init()?,
    }
    log_panics();
    Ok(Log { filter: handle, _traces: traces, _writer: guard })
}

/// False for trace events of other crates, whatever the filter says: they write what passes through them, such as frames with
/// access tokens. False for all events of the NATS client, which logs every attempt: failures and recoveries of the bus are
/// logged once each.
#[must_use]
pub fn is_loggable(metadata: &Metadata<'_>) -> bool {
    let target = metadata.target();
    let is_shown = *metadata.level() <= LevelFilter::DEBUG && !target.starts_with("async_nats");
    is_shown || target.starts_with("less_sync")
}

fn default_format() -> LogFormat {
    if std::io::stderr().is_terminal() { LogFormat::Text } else { LogFormat::Json }
}

/// Logs panics with their location (and a backtrace, if `RUST_BACKTRACE` is set), but without their message, which could
/// contain client data.
fn log_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let location = panic.location().map(ToString::to_string);
        let backtrace = Backtrace::capture();
        let backtrace = (backtrace.status() == BacktraceStatus::Captured).then(|| backtrace.to_string());
        tracing::error!(location, backtrace, "thread panicked");
    }));
}
