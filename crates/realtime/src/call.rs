//! One inbound frame that asks for something, on its way from the session to its handler.

use std::ops::Range;

use bytes::Bytes;
use less_sync_core::cbor::{Decode, InvalidParams};

use crate::methods::Method;

/// A request or notification, still in the message it came in: nothing of it is copied.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    message: Bytes,
    id: Range<usize>,
    method: Range<usize>,
    params: Option<Range<usize>>,
    /// The method named, when there is one of this name and kind.
    pub(crate) known: Option<&'static Method>,
}

impl Call {
    /// A call within `message`. The slices must borrow from it.
    pub(crate) fn within(
        message: &Bytes,
        id: &str,
        method: &str,
        params: Option<&[u8]>,
        known: Option<&'static Method>,
    ) -> Self {
        let place = |part: &[u8]| {
            let start = (part.as_ptr() as usize).saturating_sub(message.as_ptr() as usize);
            start..start + part.len()
        };
        Self {
            id: place(id.as_bytes()),
            method: place(method.as_bytes()),
            params: params.map(place),
            message: message.clone(),
            known,
        }
    }

    /// The message the call came in; blobs are sliced from it.
    pub(crate) fn message(&self) -> &Bytes {
        &self.message
    }

    /// The request id, to be echoed; empty on notifications.
    pub(crate) fn id(&self) -> &str {
        self.text(&self.id)
    }

    /// The method as the client named it.
    pub(crate) fn method(&self) -> &str {
        self.text(&self.method)
    }

    /// The params, decoded.
    pub(crate) fn params<'b, P: Decode<'b>>(&'b self) -> Result<P, InvalidParams> {
        let range = self.params.clone().ok_or(InvalidParams)?;
        P::decode(self.message.get(range).ok_or(InvalidParams)?)
    }

    /// Text that was valid UTF-8 when the envelope was read.
    fn text(&self, range: &Range<usize>) -> &str {
        self.message.get(range.clone()).and_then(|part| std::str::from_utf8(part).ok()).unwrap_or_default()
    }
}
