//! Inbound request or notification, passed from the session to its handler.

use std::ops::Range;

use bytes::Bytes;
use less_sync_core::cbor::{Decode, InvalidParams};
use less_sync_core::wire::method::{Lane, Method};

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
