//! Logging (operations §6): lines on standard error, standard output is for results.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::io::IsTerminal as _;

use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Registry, reload};

use crate::config::{LogFormat, LoggingConfig};

/// What is logged, changeable while the server runs.
pub(crate) struct LogFilter(reload::Handle<EnvFilter, Registry>);

impl LogFilter {
    /// Logs according to `config` from now on; the format stays.
    pub(crate) fn set(&self, config: &LoggingConfig) {
        let filter = EnvFilter::try_new(&config.filter).map_err(anyhow::Error::from);
        match filter.and_then(|filter| Ok(self.0.reload(filter)?)) {
            Ok(()) => tracing::info!(filter = config.filter, "log filter read again"),
            Err(error) => tracing::error!(%error, "log filter stays as it is"),
        }
    }
}

/// Starts logging; once per process.
///
/// # Errors
/// The filter cannot be read, or something logs already.
pub(crate) fn start(config: &LoggingConfig) -> anyhow::Result<LogFilter> {
    let (filter, handle) = reload::Layer::new(EnvFilter::try_new(&config.filter)?);
    let registry = tracing_subscriber::registry().with(filter);
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_target(false);
    match config.format.unwrap_or_else(suitable_format) {
        LogFormat::Text => registry.with(lines).try_init()?,
        LogFormat::Json => registry.with(lines.json().flatten_event(true)).try_init()?,
    }
    report_panics();
    Ok(LogFilter(handle))
}

fn suitable_format() -> LogFormat {
    if std::io::stderr().is_terminal() { LogFormat::Text } else { LogFormat::Json }
}

/// Panics become log lines with their place (and the way there, if `RUST_BACKTRACE` is set), but without their message, which could hold what a client sent.
fn report_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string);
        let backtrace = Backtrace::capture();
        let backtrace = (backtrace.status() == BacktraceStatus::Captured).then(|| backtrace.to_string());
        tracing::error!(place, backtrace, "panic");
    }));
}
