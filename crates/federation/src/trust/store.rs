//! Current snapshot of trust, and its replacement by a changed peers file (federation §5.4).

use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

use arc_swap::ArcSwap;
use parking_lot::Mutex;

use super::{InvalidPeersFile, PeersFile, TrustEnvironment, TrustSnapshot};

/// Sources of trust.
#[derive(Clone, Debug, Default)]
pub struct TrustSource {
    /// Lists of the environment, which do not change while the process runs.
    pub environment: TrustEnvironment,
    /// Peers file (`FEDERATION_PEERS_FILE`).
    pub file: Option<PathBuf>,
}

/// Peers file that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    /// The file cannot be read.
    #[error("cannot read peers file \"{path}\"")]
    Unreadable {
        /// Path as configured.
        path: String,
        /// Cause.
        #[source]
        source: std::io::Error,
    },
    /// The file has a defect.
    #[error("invalid peers file: {path}:{defect}")]
    Invalid {
        /// Path as configured.
        path: String,
        /// Defect, with its line.
        defect: InvalidPeersFile,
    },
}

impl TrustSource {
    /// Reads the peers file and merges it with the lists of the environment.
    ///
    /// # Errors
    /// [`TrustError`].
    pub fn load(&self) -> Result<TrustSnapshot, TrustError> {
        let Some(file) = &self.file else {
            return Ok(TrustSnapshot::merge(Vec::new(), self.environment.peers().to_vec()));
        };
        let path = file.display().to_string();
        let text = std::fs::read_to_string(file)
            .map_err(|source| TrustError::Unreadable { path: path.clone(), source })?;
        let peers = PeersFile::parse(&text).map_err(|defect| TrustError::Invalid { path, defect })?.peers;
        Ok(TrustSnapshot::merge(peers, self.environment.peers().to_vec()))
    }

    /// Time of the last change of the peers file.
    fn modified(&self) -> Option<SystemTime> {
        self.file.as_ref().and_then(|file| std::fs::metadata(file).ok()?.modified().ok())
    }
}

/// Outcome of a reload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reload {
    /// Another snapshot is in use now.
    Changed,
    /// Same peers as before.
    Unchanged,
    /// The file is invalid; the previous snapshot stays in use.
    Rejected,
}

/// Trust in use.
#[derive(Debug)]
pub struct TrustStore {
    source: TrustSource,
    snapshot: ArcSwap<TrustSnapshot>,
    loaded: Mutex<Option<SystemTime>>,
}

impl TrustStore {
    /// Loads the first snapshot.
    ///
    /// # Errors
    /// [`TrustError`]: a server does not start with an invalid file.
    pub fn load(source: TrustSource) -> Result<Self, TrustError> {
        let loaded = Mutex::new(source.modified());
        let snapshot = ArcSwap::from_pointee(source.load()?);
        Ok(Self { source, snapshot, loaded })
    }

    /// Snapshot in use.
    #[must_use]
    pub fn snapshot(&self) -> Arc<TrustSnapshot> {
        self.snapshot.load_full()
    }

    /// Reloads the peers file when its modification time has changed; blocks for the time of a small read.
    pub fn reload_if_modified(&self) -> Reload {
        if self.source.modified() == *self.loaded.lock() { Reload::Unchanged } else { self.reload() }
    }

    /// Reloads the peers file. An invalid one is logged and leaves the previous snapshot in use (federation TR-6).
    pub fn reload(&self) -> Reload {
        // Before the read: a change in between is seen by the next check.
        *self.loaded.lock() = self.source.modified();
        match self.source.load() {
            Ok(snapshot) if snapshot == **self.snapshot.load() => Reload::Unchanged,
            Ok(snapshot) => {
                tracing::info!(peers = snapshot.peers().count(), "federation peers reloaded");
                self.snapshot.store(Arc::new(snapshot));
                Reload::Changed
            }
            Err(error) => {
                // Event name of federation §18.4.
                tracing::error!(error = %less_sync_core::ErrorChain(&error), "federation.config_rejected");
                Reload::Rejected
            }
        }
    }
}
