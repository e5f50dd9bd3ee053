//! Export by OTLP of builds without the feature `otel`: there is none.

use tracing_subscriber::layer::Identity;

use crate::config::OtelConfig;

/// Exporter of spans, which no build without the feature has.
#[derive(Debug)]
pub(crate) enum Traces {}

impl Traces {
    /// # Errors
    /// Never.
    #[expect(clippy::unnecessary_wraps, reason = "the interface of builds with the feature")]
    pub(crate) fn start(
        _config: Option<&OtelConfig>,
        _version: &'static str,
    ) -> anyhow::Result<Option<Self>> {
        Ok(None)
    }

    pub(crate) fn layer(&self) -> Identity {
        match *self {}
    }
}
