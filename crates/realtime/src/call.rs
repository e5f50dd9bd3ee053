//! Inbound request or notification, passed from the session to its handler.

use std::ops::Range;

use bytes::Bytes;
use less_sync_core::SpaceId;
use less_sync_core::cbor::{Decode, InvalidParams};
use less_sync_core::rights::Access;
use less_sync_core::wire::federation::ForwardedParams;
use less_sync_core::wire::method::{Lane, Method};
use less_sync_core::wire::pull::PullParams;
use tracing::Span;
use tracing::field::Empty;

use crate::repeats::RepeatKey;

/// Queue in which a call runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// Lane of the method.
    pub(crate) lane: Lane,
    /// Space by which the call is ordered; none on the connection of a client, where all calls are ordered.
    pub(crate) space: Option<SpaceId>,
    /// True for a call that has left its lane, because another server has to respond.
    pub(crate) is_elsewhere: bool,
}

/// A request or notification as ranges of the message it arrived in: no part of the message is copied.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    message: Bytes,
    id: Range<usize>,
    name: Range<usize>,
    params: Option<Range<usize>>,
    /// The method with this name and of this kind; `None` for requests of an unknown method.
    pub(crate) method: Option<Method>,
    /// Space by which the call is ordered.
    space: Option<SpaceId>,
    /// True for a call that arrived on a link.
    is_forwarded: bool,
}

impl Call {
    /// A call within `message`. `id`, `name` and `params` must borrow from it.
    pub(crate) fn within(
        message: &Bytes,
        id: &str,
        name: &str,
        params: Option<&[u8]>,
        method: Option<Method>,
    ) -> Self {
        let range = |part: &[u8]| {
            let start = (part.as_ptr() as usize).saturating_sub(message.as_ptr() as usize);
            start..start + part.len()
        };
        Self {
            id: range(id.as_bytes()),
            name: range(name.as_bytes()),
            params: params.map(range),
            message: message.clone(),
            method,
            space: None,
            is_forwarded: false,
        }
    }

    /// The same call, ordered among those for its space alone (federation CN-3).
    pub(crate) fn forwarded(mut self) -> Self {
        self.space = self.only_space();
        self.is_forwarded = true;
        self
    }

    /// The space of a method for one space, or of a `pull` that names one. Subscriptions of a link are ordered among themselves.
    fn only_space(&self) -> Option<SpaceId> {
        let method = self.method?;
        let space = match (method, method.row().rights.access) {
            (Method::Pull, _) => match self.params::<PullParams<'_>>().ok()?.spaces.as_slice() {
                [only] => only.id,
                _ => return None,
            },
            (other, Access::Space(_)) if other != Method::Subscribe => {
                self.params::<ForwardedParams<'_>>().ok()?.space?
            }
            (_, Access::Space(_) | Access::Connection | Access::OwnMailbox | Access::Subscription) => {
                return None;
            }
        };
        space.parse().ok()
    }

    /// The message that contains the call.
    pub(crate) fn message(&self) -> &Bytes {
        &self.message
    }

    /// Request id, echoed in the response; empty for notifications.
    pub(crate) fn id(&self) -> &str {
        self.text(&self.id)
    }

    /// Method name as the client wrote it.
    pub(crate) fn name(&self) -> &str {
        self.text(&self.name)
    }

    /// Span of the request: its method, and its id if that is safe to log. Unknown methods are text of the client and have no
    /// name in the log. Its outcome follows with the response.
    pub(crate) fn span(&self) -> Span {
        let rpc = self.method.map_or("unknown", Method::name);
        tracing::info_span!("rpc", rpc, request_id = self.loggable_id(), outcome = Empty)
    }

    /// The request id, if it is safe to log.
    pub(crate) fn loggable_id(&self) -> Option<&str> {
        loggable(self.id())
    }

    /// Lane of the call. Responses to unknown methods keep the arrival order.
    pub(crate) fn lane(&self) -> Lane {
        self.method.map_or(Lane::Ordered, |method| method.row().lane)
    }

    /// True if the call completes even if its connection ends.
    pub(crate) fn is_detached(&self) -> bool {
        let is_detached = self.method.is_some_and(|method| method.row().is_detached);
        // The response of a mutation that may be repeated has to be known to the repeat.
        is_detached || (self.is_forwarded && self.repeat_key().is_some())
    }

    /// Queue in which the call runs.
    pub(crate) fn place(&self) -> Place {
        Place { lane: self.lane(), space: self.space, is_elsewhere: false }
    }

    /// Idempotency key of a mutation that a server forwards (federation §9.6).
    pub(crate) fn repeat_key(&self) -> Option<RepeatKey> {
        let is_repeatable = |method: &Method| {
            matches!(
                method,
                Method::Push
                    | Method::MembershipAppend
                    | Method::MembershipRevoke
                    | Method::EpochBegin
                    | Method::EpochComplete
                    | Method::EpochKeysPut
                    | Method::DeksRewrap
                    | Method::DeksRewrapFiles
                    | Method::FedInvitation
            )
        };
        let method = self.method.filter(is_repeatable)?;
        let ForwardedParams { space, idem } = self.params().ok()?;
        let space = space.and_then(|space| space.parse().ok());
        Some(RepeatKey { method, space, idem: idem?.try_into().ok()? })
    }

    /// Decodes the params.
    pub(crate) fn params<'b, P: Decode<'b>>(&'b self) -> Result<P, InvalidParams> {
        let range = self.params.clone().ok_or(InvalidParams)?;
        P::decode(self.message.get(range).ok_or(InvalidParams)?)
    }

    /// Encoded params, unread; `None` for undecodable ones.
    pub(crate) fn raw_params(&self) -> Option<Bytes> {
        self.params.clone().map(|range| self.message.slice(range))
    }

    /// Text that was valid UTF-8 when the envelope was parsed.
    fn text(&self, range: &Range<usize>) -> &str {
        self.message.get(range.clone()).and_then(|part| std::str::from_utf8(part).ok()).unwrap_or_default()
    }
}

/// The request id, if it is like those that clients count or draw: at most 36 hexadecimal digits and hyphens. Any other text
/// could be a name.
fn loggable(id: &str) -> Option<&str> {
    let is_safe = |byte: u8| byte.is_ascii_hexdigit() || byte == b'-';
    (id.len() <= 36 && id.bytes().all(is_safe)).then_some(id)
}
