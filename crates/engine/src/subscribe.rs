//! Subscribe: state of a space for a new subscription, and catch-up of missed changes.

use std::sync::Arc;

use less_sync_auth::ucan::VerifiedChain;
use less_sync_core::wire::method::Method;
use less_sync_core::{Cursor, SpaceId};
use less_sync_storage::{PullState, ReadGrant, Row, Space};

use crate::authorize::Authorizer;
use crate::{Credentials, Engine, EngineError, HomeHandle, Presenter, Rule, SubscriptionBasis};

/// Maximum rows of a catch-up (protocol §6.4).
const CATCH_UP_ROWS: usize = 500;

/// Maximum bytes of blobs and payloads of a catch-up.
const CATCH_UP_BYTES: usize = 1024 * 1024;

/// Space that the caller is authorized to subscribe to.
#[derive(Clone, Debug)]
pub struct Subscribed {
    /// State of the space when the subscription was authorized.
    pub state: Space,
    /// Basis of the subscription.
    pub basis: SubscriptionBasis,
    grant: ReadGrant,
}

/// Authorized subscription.
#[derive(Clone, Debug)]
pub enum Subscription {
    /// Space of this server.
    Here(Box<Subscribed>),
    /// Space of another server, which has to accept the subscription as well.
    Remote {
        /// Server that holds the space.
        home: HomeHandle,
        /// Chain of the user.
        chain: Arc<VerifiedChain>,
    },
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
    /// Authorizes a subscription and reads the current state of `space`, unless another server holds it. To miss no event,
    /// register the subscription before this read (protocol G2).
    ///
    /// # Errors
    /// As [`Engine::pull`].
    pub async fn subscribe(
        &self,
        credentials: Credentials<'_>,
        space: SpaceId,
    ) -> Result<Subscription, EngineError> {
        let (admission, home) = self.authorizer.admit_anywhere(Method::Subscribe, credentials, space).await?;
        if let Some(home) = home {
            // Only a chain opens a space of another server.
            let chain = admission.chain().ok_or(EngineError::Forbidden(Rule::NoChain))?.clone();
            return Ok(Subscription::Remote { home, chain });
        }
        let grant = admission.reading()?;
        let state = match credentials.owner_of(space) {
            Some(caller) => self.authorizer.own_space(caller, space).await?,
            None => self.storage.space_state(&grant).await?,
        };
        let basis = match (credentials.presenter, credentials.token, admission.chain()) {
            (Presenter::Server(_), Some(token), _) => SubscriptionBasis::Forwarded(token.clone()),
            (Presenter::Server(_), None, Some(chain)) => SubscriptionBasis::Forwarded(chain.as_ref().into()),
            (_, _, Some(chain)) => SubscriptionBasis::Chain(chain.clone()),
            (_, _, None) => SubscriptionBasis::Owner,
        };
        Ok(Subscription::Here(Box::new(Subscribed { state, basis, grant })))
    }

    /// Changes after `since`, up to the state of the subscription, unless there are too many (protocol §6.4).
    ///
    /// # Errors
    /// As [`less_sync_storage::Records::pull_page`].
    pub async fn catch_up(&self, to: &Subscribed, since: Cursor) -> Result<CatchUp, EngineError> {
        if since == Cursor::ZERO || since >= to.state.cursor {
            return Ok(CatchUp::Rows(Vec::new()));
        }
        self.rows_between(to.grant.clone(), &to.state, since).await
    }

    /// Changes of `space` after `since` that another process has committed, with the state of the space up to which they
    /// are complete, for the subscribers of this one; `None` if the space does not exist. Needs no authorization: nothing is
    /// returned to a caller.
    ///
    /// # Errors
    /// As [`less_sync_storage::Records::pull_page`].
    pub async fn missed(
        &self,
        space: SpaceId,
        since: Cursor,
    ) -> Result<Option<(Space, CatchUp)>, EngineError> {
        let Some(state) = self.storage.spaces(&[space]).await?.pop() else { return Ok(None) };
        if since >= state.cursor {
            return Ok(Some((state, CatchUp::Rows(Vec::new()))));
        }
        let rows = self.rows_between(Authorizer::subscribers(space), &state, since).await?;
        Ok(Some((state, rows)))
    }

    /// Rows after `since`, up to the cursor of `to`, unless there are too many.
    async fn rows_between(
        &self,
        grant: ReadGrant,
        to: &Space,
        since: Cursor,
    ) -> Result<CatchUp, EngineError> {
        // Subscribers of an empty space may have pulled meanwhile, and then know records that were deleted since.
        let state = PullState { tombstones: true, ..PullState::rewinding(to.into(), since) };
        let mut pull = self.stored_pages(grant, state);
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
