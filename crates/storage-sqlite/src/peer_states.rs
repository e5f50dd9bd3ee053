//! Peers in quarantine.

use std::time::Duration;

use async_trait::async_trait;
use less_sync_core::PeerId;
use less_sync_storage::stored::peer_id;
use less_sync_storage::{DatabaseTime, PeerState, PeerStates, StorageError};
use rusqlite::{Connection, params};

use crate::SqliteStorage;
use crate::clock::{micros, now_micros};
use crate::error::storage_error;

/// Estimate of the log bytes per state.
const STATE_BYTES: usize = 512;

const REPLACE: &str = "\
    INSERT INTO federation_peer_state (peer_domain, state, reason, until, updated_at)
    VALUES (?1, 'quarantined', ?2, ?3, ?4)
    ON CONFLICT (peer_domain) DO UPDATE
    SET state = excluded.state, reason = excluded.reason, until = excluded.until, updated_at = excluded.updated_at";

const DELETE: &str = "DELETE FROM federation_peer_state WHERE peer_domain = ?1";

const DELETE_EXPIRED: &str = "DELETE FROM federation_peer_state WHERE until <= ?1";

const SELECT: &str = "SELECT peer_domain, reason, until FROM federation_peer_state ORDER BY peer_domain";

#[async_trait]
impl PeerStates for SqliteStorage {
    async fn quarantine_peer(
        &self,
        peer: &PeerId,
        reason: &str,
        lifetime: Option<Duration>,
    ) -> Result<(), StorageError> {
        let (peer, reason) = (peer.clone(), reason.to_owned());
        self.writer
            .write(STATE_BYTES, move |db| {
                let now = now_micros();
                let until = lifetime.map(|lifetime| now.saturating_add(micros(lifetime)));
                let mut replace = db.prepare_cached(REPLACE).map_err(storage_error)?;
                replace.execute(params![peer.as_str(), reason, until, now]).map_err(storage_error)?;
                Ok(())
            })
            .await
    }

    async fn release_peer(&self, peer: &PeerId) -> Result<bool, StorageError> {
        let peer = peer.clone();
        self.writer
            .write(STATE_BYTES, move |db| {
                let mut delete = db.prepare_cached(DELETE).map_err(storage_error)?;
                delete.execute([peer.as_str()]).map(|rows| rows == 1).map_err(storage_error)
            })
            .await
    }

    async fn quarantined_peers(&self) -> Result<Vec<PeerState>, StorageError> {
        self.writer.write(STATE_BYTES, current).await
    }
}

fn current(db: &Connection) -> Result<Vec<PeerState>, StorageError> {
    let mut expire = db.prepare_cached(DELETE_EXPIRED).map_err(storage_error)?;
    expire.execute([now_micros()]).map_err(storage_error)?;
    let mut select = db.prepare_cached(SELECT).map_err(storage_error)?;
    let rows = select
        .query_map([], |row| Ok((row.get::<_, String>(0)?, row.get(1)?, row.get::<_, Option<i64>>(2)?)))
        .map_err(storage_error)?;
    rows.map(|row| {
        let (peer, reason, until) = row.map_err(storage_error)?;
        Ok(PeerState { peer: peer_id(&peer)?, reason, until: until.map(DatabaseTime::from_micros) })
    })
    .collect()
}
