//! State and missed events of a space between its authorization and its subscription.

use std::sync::Arc;

use less_sync_auth::ucan::VerifiedChain;
use less_sync_core::wire::subscribe::SubscribeEntry;
use less_sync_core::{Cursor, ErrorCode, SpaceId};
use less_sync_engine::{
    CatchUp, Credentials, HomeHandle, IssuedToken, Subscribed, Subscription, SubscriptionBasis,
};

use super::accepted::Accepted;
use crate::broker::{Position, SubscriptionStart};
use crate::methods::params::presented_token;
use crate::methods::stream::Stream;
use crate::replay;
use crate::rpc_error::RpcError;
use crate::server_link::ServerLink;

/// State of a space, and the events that its subscriber missed.
pub(super) struct Entered {
    subscribed: Subscribed,
    since: Cursor,
    missed: CatchUp,
    token: Option<IssuedToken>,
}

/// Authorized entry of a request.
pub(super) enum Entry {
    /// Space of this server.
    Here(Box<Entered>),
    /// Space of another server, which has to accept the subscription as well.
    Elsewhere {
        /// Server that holds the space.
        home: HomeHandle,
        /// Chain of the user.
        chain: Arc<VerifiedChain>,
    },
}

impl Entered {
    /// Authorizes the caller and reads the state, and the missed events if the entry requests them. A native server always does,
    /// with a cursor that is compared with that of the space; that of an original one has no meaning (federation §9.2, CU-2).
    pub(super) async fn read(
        stream: Stream<'_>,
        space: SpaceId,
        entry: &SubscribeEntry<'_>,
    ) -> Result<Entry, RpcError> {
        let context = stream.context;
        let token = presented_token(context, entry.ucan, entry.token)?;
        let credentials =
            Credentials { token: token.as_ref(), ..context.credentials(entry.ucan, entry.home_server) };
        let mut subscribed = match context.engine().subscribe(credentials, space).await? {
            Subscription::Here(subscribed) => *subscribed,
            Subscription::Remote { home, chain } => return Ok(Entry::Elsewhere { home, chain }),
        };
        let since = Cursor::new(entry.since).unwrap_or(Cursor::MAX);
        let is_native = context.server().is_some_and(ServerLink::is_native);
        if is_native && since > subscribed.state.cursor {
            return Err(RpcError::new(ErrorCode::CursorAhead, "cursor ahead"));
        }
        let is_caught_up = context.server().map_or(entry.catchup, ServerLink::is_native);
        let missed = if is_caught_up {
            context.engine().catch_up(&subscribed, since).await?
        } else {
            CatchUp::Rows(Vec::new())
        };
        let token = issue(stream, &mut subscribed.basis);
        Ok(Entry::Here(Box::new(Self { subscribed, since, missed, token })))
    }

    /// Start of the subscription: the client's cursor if the client has to pull, else the cursor of the space.
    pub(super) fn start(&self) -> SubscriptionStart {
        let position = Position::from(&self.subscribed.state);
        let caught_up_to = match self.missed {
            CatchUp::Rows(_) => position.cursor,
            CatchUp::TooMuch => self.since,
        };
        SubscriptionStart { position, caught_up_to, basis: self.subscribed.basis.clone() }
    }

    /// Records the authorization of the subscription, and replays the missed events before the response.
    pub(super) async fn begin(self, stream: Stream<'_>) -> Accepted {
        let Self { subscribed, since, missed, token } = self;
        stream.context.connection().authorize_subscription(subscribed.state.id, subscribed.basis);
        if let CatchUp::Rows(rows) = missed {
            let frames = replay::frames(&subscribed.state, since, &rows);
            stream.send(frames.into_iter().map(|(_, frame)| frame).collect()).await;
        }
        Accepted { position: Position::from(&subscribed.state), token }
    }
}

/// Issues the token with which a server renews the subscription, and lets the subscription end with it (federation §10.5).
fn issue(stream: Stream<'_>, basis: &mut SubscriptionBasis) -> Option<IssuedToken> {
    let SubscriptionBasis::Forwarded(proof) = basis else { return None };
    let token = stream.context.server()?.issue(proof)?;
    proof.expires_at = token.expires_at;
    Some(token)
}
