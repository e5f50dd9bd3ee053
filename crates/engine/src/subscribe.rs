//! Subscribe: the state of spaces for somebody who is about to watch them, and what they missed.

use std::sync::Arc;

use less_sync_auth::ucan::VerifiedChain;
use less_sync_core::wire::method::Method;
use less_sync_core::{Cursor, SpaceId};
use less_sync_storage::{CursorAhead, PullRequest, PullState, ReadGrant, Row, Space};

use crate::{Credentials, Engine, EngineError};

/// Rows that are replayed at most to somebody who asks what they missed (protocol §6.4).
const CATCH_UP_ROWS: usize = 500;

/// Bytes of blobs and payloads that are replayed at most.
const CATCH_UP_BYTES: usize = 1024 * 1024;

/// A space that somebody may watch.
#[derive(Clone, Debug)]
pub struct Subscribed {
    /// Its state.
    pub state: Space,
    /// What the subscription rests on; none in the caller's own personal space.
    pub chain: Option<Arc<VerifiedChain>>,
    grant: ReadGrant,
}

/// What happened in a space since a watcher last looked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CatchUp {
    /// These rows, in order; none when nothing happened, or when the watcher is ahead of the space.
    Rows(Vec<Row>),
    /// More than is worth replaying: the watcher has to pull.
    TooMuch,
}

impl Engine {
    /// The state of `space`, read now. Whoever wants to miss nothing registers as a watcher first (protocol G2).
    ///
    /// # Errors
    /// As [`Engine::pull`].
    pub async fn subscribe(
        &self,
        credentials: Credentials<'_>,
        space: SpaceId,
    ) -> Result<Subscribed, EngineError> {
        let admission = self.authorizer.admit(Method::Subscribe, credentials, space).await?;
        let grant = admission.reading()?;
        let state = match admission.chain() {
            None => self.authorizer.own_space(credentials.caller, space).await?,
            Some(_) => self.storage.space_state(&grant).await?,
        };
        Ok(Subscribed { state, chain: admission.chain().cloned(), grant })
    }

    /// What happened between `since` and the state of a subscription, if it is little (protocol §6.4).
    ///
    /// # Errors
    /// As [`less_sync_storage::Records::pull_page`].
    pub async fn catch_up(&self, to: &Subscribed, since: Cursor) -> Result<CatchUp, EngineError> {
        if since == Cursor::ZERO || since >= to.state.cursor {
            return Ok(CatchUp::Rows(Vec::new()));
        }
        let state = PullState::begin(&to.state, PullRequest { since, ahead: CursorAhead::Rewind })?;
        let mut pull = self.pages(to.grant.clone(), state);
        let (mut missed, mut bytes) = (Vec::new(), 0);
        while let Some(page) = pull.next_page().await? {
            bytes += page.rows.iter().map(Row::payload_bytes).sum::<usize>();
            missed.extend(page.rows);
            if missed.len() > CATCH_UP_ROWS || bytes > CATCH_UP_BYTES {
                return Ok(CatchUp::TooMuch);
            }
        }
        Ok(CatchUp::Rows(missed))
    }
}
