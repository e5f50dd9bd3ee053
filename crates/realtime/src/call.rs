//! Inbound request or notification, passed from the session to its handler.

use std::ops::Range;

use bytes::Bytes;
use less_sync_core::cbor::{Decode, InvalidParams};
use less_sync_core::wire::method::{Lane, Method};
use tracing::Span;

/// A request or notification as ranges of the message it arrived in: no part of the message is copied.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    message: Bytes,
    id: Range<usize>,
    name: Range<usize>,
    params: Option<Range<usize>>,
    /// The method with this name and of this kind; `None` for requests of an unknown method.
    pub(crate) method: Option<Method>,
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
        }
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
    /// name in the log.
    pub(crate) fn span(&self) -> Span {
        let rpc = self.method.map_or("unknown", Method::name);
        tracing::info_span!("rpc", rpc, request_id = loggable(self.id()))
    }

    /// Queue in which the call runs. Responses to unknown methods keep the arrival order.
    pub(crate) fn lane(&self) -> Lane {
        self.method.map_or(Lane::Ordered, |method| method.row().lane)
    }

    /// Decodes the params.
    pub(crate) fn params<'b, P: Decode<'b>>(&'b self) -> Result<P, InvalidParams> {
        let range = self.params.clone().ok_or(InvalidParams)?;
        P::decode(self.message.get(range).ok_or(InvalidParams)?)
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
