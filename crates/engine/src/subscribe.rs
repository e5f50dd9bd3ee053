//! Subscribe: state of a space for a new subscription, and catch-up of missed changes.

use std::sync::Arc;

use less_sync_auth::ucan::VerifiedChain;
use less_sync_core::wire::method::Method;
use less_sync_core::{Cursor, SpaceId};
use less_sync_storage::{PullState, ReadGrant, Row, Space};

use crate::{Credentials, Engine, EngineError};

/// Maximum rows of a catch-up (protocol §6.4).
const CATCH_UP_ROWS: usize = 500;

/// Maximum bytes of blobs and payloads of a catch-up.
const CATCH_UP_BYTES: usize = 1024 * 1024;

/// Space that the caller is authorized to subscribe to.
#[derive(Clone, Debug)]
pub struct Subscribed {
    /// State of the space when the subscription was authorized.
    pub state: Space,
    /// Chain that the subscription rests on; `None` in the caller's own personal space.
    pub chain: Option<Arc<VerifiedChain>>,
    grant: ReadGrant,
}

/// Changes of a space after the cursor of a subscriber.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CatchUp {
    /// Changed rows in cursor order; empty without changes, or if the cursor of the subscriber is ahead of the space.
    Rows(Vec<Row>),
    /// Too many changes to replay: the subscriber has to pull.
    TooMuch,
}

impl Engine {
    /// Authorizes a subscription and reads the current state of `space`. To miss no event, register the subscription
    /// before this read (protocol G2).
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

    /// Changes after `since`, up to the state of the subscription, unless there are too many (protocol §6.4).
    ///
    /// # Errors
    /// As [`less_sync_storage::Records::pull_page`].
    pub async fn catch_up(&self, to: &Subscribed, since: Cursor) -> Result<CatchUp, EngineError> {
        if since == Cursor::ZERO || since >= to.state.cursor {
            return Ok(CatchUp::Rows(Vec::new()));
        }
        let state = PullState::rewinding((&to.state).into(), since);
        let mut pull = self.pages(to.grant.clone(), state);
        let (mut missed, mut bytes) = (Vec::new(), 0);
        while let Some(page) = pull.next_page().await? {
            // Rows written after the subscription are delivered live.
            let in_bound = page.rows.into_iter().take_while(|row| row.cursor() <= state.cursor);
            missed.extend(in_bound.inspect(|row| bytes += row.payload_bytes()));
            if missed.len() > CATCH_UP_ROWS || bytes > CATCH_UP_BYTES {
                return Ok(CatchUp::TooMuch);
            }
            if pull.is_past_bound() {
                break;
            }
        }
        Ok(CatchUp::Rows(missed))
    }
}
