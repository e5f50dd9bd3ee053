//! Logging (operations §6): lines on standard error, standard output is for results.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::io::IsTerminal as _;
use std::sync::OnceLock;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::config::{LogFormat, LoggingConfig};

/// Starts logging, once per process; a second call does nothing.
///
/// # Errors
/// The filter cannot be read.
pub(crate) fn start(config: &LoggingConfig) -> anyhow::Result<()> {
    static STARTED: OnceLock<()> = OnceLock::new();
    let filter = EnvFilter::try_new(&config.filter)?;
    let format = config.format.unwrap_or_else(suitable_format);
    STARTED.get_or_init(|| {
        let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
        let registry = tracing_subscriber::registry().with(filter);
        let started = match format {
            LogFormat::Text => registry.with(lines.with_target(false)).try_init(),
            LogFormat::Json => registry.with(lines.json().flatten_event(true).with_target(false)).try_init(),
        };
        if started.is_ok() {
            report_panics();
        }
    });
    Ok(())
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
