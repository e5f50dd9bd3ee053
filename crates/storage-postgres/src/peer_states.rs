//! Peers in quarantine.

use std::convert::Infallible;
use std::time::Duration;

use async_trait::async_trait;
use less_sync_core::PeerId;
use less_sync_storage::stored::peer_id;
use less_sync_storage::{DatabaseTime, PeerState, PeerStates, StorageError};

use crate::PostgresStorage;
use crate::clock::micros;
use crate::pool::Class;
use crate::read::statement;
use crate::session::Session;
use crate::transaction::{Aborted, Transaction};

#[async_trait]
impl PeerStates for PostgresStorage {
    async fn quarantine_peer(
        &self,
        peer: &PeerId,
        reason: &str,
        lifetime: Option<Duration>,
    ) -> Result<(), StorageError> {
        let lifetime = lifetime.map(micros);
        let replaced = statement!(self.pool, Class::Request, |db| {
            sqlx::query!(
            "INSERT INTO federation_peer_state (peer_domain, state, reason, until)
             VALUES ($1, 'quarantined', $2, now() + $3::bigint * interval '1 microsecond')
             ON CONFLICT (peer_domain) DO UPDATE
             SET state = excluded.state, reason = excluded.reason, until = excluded.until, updated_at = now()",
            peer.as_str(),
            reason,
            lifetime,
        )
        .execute(db)
        });
        replaced.map(drop)
    }

    async fn release_peer(&self, peer: &PeerId) -> Result<bool, StorageError> {
        let deleted = statement!(self.pool, Class::Request, |db| {
            sqlx::query!("DELETE FROM federation_peer_state WHERE peer_domain = $1", peer.as_str())
                .execute(db)
        });
        deleted.map(|deleted| deleted.rows_affected() == 1)
    }

    async fn quarantined_peers(&self) -> Result<Vec<PeerState>, StorageError> {
        self.pool.transact(Class::Request, &Current).await
    }
}

struct Current;

impl Transaction for Current {
    type Outcome = Vec<PeerState>;
    type Rejection = Infallible;

    async fn run(&self, db: &mut Session) -> Result<Vec<PeerState>, Aborted> {
        let expire = sqlx::query!("DELETE FROM federation_peer_state WHERE until <= now()");
        expire.execute(&mut *db).await?;
        let rows = sqlx::query!(
            "SELECT peer_domain, reason, (extract(epoch FROM until) * 1000000)::bigint AS until
             FROM federation_peer_state ORDER BY peer_domain",
        );
        let rows = rows.fetch_all(db).await?.into_iter().map(|row| {
            let until = row.until.map(DatabaseTime::from_micros);
            Ok(PeerState { peer: peer_id(&row.peer_domain)?, reason: row.reason, until })
        });
        rows.collect()
    }
}
