//! TLS of the listener: certificate files, reloaded when they change, and bounded handshakes (operations §11.5).

mod files;
mod metrics;

use std::sync::Arc;
use std::time::Duration;

use less_sync_core::{ErrorChain, Timestamp};
use less_sync_engine::Clock;
use less_sync_metrics::Registry;
use parking_lot::RwLock;
use rustls::ServerConfig;
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;

use super::transport::Transport;
use crate::config::TlsConfig;
use crate::tasks::{JobOutcome, Tasks};
use files::Loaded;
use files::TlsFileError;
use metrics::TlsMetrics;

/// Maximum duration of a handshake, the wait for its turn included.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// Handshakes at the same time: each one costs a signature, and connections that are open already must go on.
const HANDSHAKES: usize = 128;

/// Interval at which the files are read.
const RELOAD: Duration = Duration::from_secs(10);

/// TLS of a listener.
pub(crate) struct Tls {
    files: TlsConfig,
    current: RwLock<Current>,
    handshakes: Semaphore,
    metrics: TlsMetrics,
    clock: Arc<dyn Clock>,
}

/// Configuration for new connections; those that are open keep theirs.
struct Current {
    config: Arc<ServerConfig>,
    /// Hash of the files that were read last, also of rejected ones.
    seen: [u8; 32],
}

impl Tls {
    /// Reads the files.
    ///
    /// # Errors
    /// See [`TlsFileError`].
    pub(crate) fn open(files: TlsConfig, clock: Arc<dyn Clock>) -> Result<Arc<Self>, TlsFileError> {
        let loaded = files::load(&files)?;
        if loaded.has_expired(clock.now()) {
            tracing::error!(path = %files.certificate.display(), "TLS certificate has expired");
        }
        let metrics = TlsMetrics::default();
        metrics.loaded(loaded.not_after);
        let current = RwLock::new(Current { config: loaded.config, seen: loaded.hash });
        Ok(Arc::new(Self { files, current, handshakes: Semaphore::new(HANDSHAKES), metrics, clock }))
    }

    /// Reads the files for diagnostics; returns the end of the validity of the certificate, as Unix time in seconds.
    ///
    /// # Errors
    /// See [`TlsFileError`].
    pub(crate) fn inspect(files: &TlsConfig) -> Result<Option<i64>, TlsFileError> {
        files::load(files).map(|loaded| loaded.not_after)
    }

    /// Makes the handshake of an accepted connection. `None` after a failure or the time limit.
    pub(super) async fn accept(&self, stream: TcpStream) -> Option<Transport> {
        let limit = self.clock.sleep_until(self.clock.instant() + HANDSHAKE);
        let handshake = async {
            let _turn = self.handshakes.acquire().await.ok()?;
            let acceptor = TlsAcceptor::from(self.current.read().config.clone());
            match acceptor.accept(stream).await {
                Ok(stream) => Some(Transport::Tls(Box::new(stream))),
                Err(error) => {
                    tracing::debug!(error = %ErrorChain(&error), "TLS handshake failed");
                    None
                }
            }
        };
        let stream = tokio::select! {
            biased;
            stream = handshake => stream,
            () = limit => {
                tracing::debug!("TLS handshake timed out");
                None
            }
        };
        self.metrics.shook_hands(stream.is_some());
        stream
    }

    /// Starts the job that reads the files again.
    pub(crate) fn spawn_reload(self: &Arc<Self>, tasks: &Tasks) {
        let tls = self.clone();
        tasks.spawn_periodic("certificate reload", RELOAD, move || {
            let tls = tls.clone();
            async move {
                let reloaded = tokio::task::spawn_blocking(move || tls.reload()).await;
                reloaded.unwrap_or(JobOutcome::Failed)
            }
        });
    }

    /// Reads the files, and uses them for new connections if they have changed and are valid.
    fn reload(&self) -> JobOutcome {
        let changed = match files::hash(&self.files) {
            Ok(hash) if hash == self.current.read().seen => return JobOutcome::Ok,
            Ok(hash) => hash,
            Err(error) => return self.keep(&error),
        };
        // Before the attempt: files that stay bad are reported once.
        self.current.write().seen = changed;
        match files::load(&self.files) {
            Ok(loaded) => self.replace(loaded, self.clock.now()),
            Err(error) => self.keep(&error),
        }
    }

    fn replace(&self, loaded: Loaded, now: Timestamp) -> JobOutcome {
        if loaded.has_expired(now) {
            return self.keep(&TlsFileError::Expired(self.files.certificate.clone()));
        }
        *self.current.write() = Current { config: loaded.config, seen: loaded.hash };
        self.metrics.loaded(loaded.not_after);
        self.metrics.reloaded(true);
        tracing::info!("TLS certificate reloaded");
        JobOutcome::Ok
    }

    /// Reports bad files; the configuration of the last good ones stays.
    fn keep(&self, error: &TlsFileError) -> JobOutcome {
        self.metrics.reloaded(false);
        tracing::error!(error = %ErrorChain(error), "failed to reload the TLS certificate, keeping the previous one");
        JobOutcome::Failed
    }

    /// Registers the metrics of TLS; of a server without it, they stay 0.
    pub(crate) fn register_metrics(tls: Option<&Self>, registry: &mut Registry) {
        match tls {
            Some(tls) => tls.metrics.register(registry),
            None => TlsMetrics::default().register(registry),
        }
    }
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tls").field("files", &self.files).finish_non_exhaustive()
    }
}
