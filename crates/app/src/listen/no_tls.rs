//! TLS of builds without the feature `tls`: there is none.

use std::sync::Arc;

use less_sync_engine::Clock;
use less_sync_metrics::Registry;
use tokio::net::TcpStream;

use super::transport::Transport;
use crate::config::TlsConfig;
use crate::tasks::Tasks;

/// TLS of a listener, which no build without the feature has.
#[derive(Debug)]
pub(crate) enum Tls {}

/// Rejection of files that the configuration has rejected before.
#[derive(Debug, thiserror::Error)]
#[error("build without TLS")]
pub(crate) struct TlsFileError;

impl Tls {
    /// # Errors
    /// Always.
    pub(crate) fn open(_files: TlsConfig, _clock: Arc<dyn Clock>) -> Result<Arc<Self>, TlsFileError> {
        Err(TlsFileError)
    }

    /// # Errors
    /// Always.
    pub(crate) fn inspect(_files: &TlsConfig) -> Result<Option<i64>, TlsFileError> {
        Err(TlsFileError)
    }

    pub(super) async fn accept(&self, _stream: TcpStream) -> Option<Transport> {
        match *self {}
    }

    pub(crate) fn spawn_reload(self: &Arc<Self>, _tasks: &Tasks) {
        match **self {}
    }

    pub(crate) fn register_metrics(_tls: Option<&Self>, _registry: &mut Registry) {}
}
