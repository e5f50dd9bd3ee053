//! Members of an envelope, common to all message types.

use crate::cbor::{Decode, Malformed, Scanned, Scanner};

/// Scanned message with its known members.
#[derive(Debug)]
pub(super) struct Envelope<'b> {
    pub(super) kind: i32,
    pub(super) id: Option<&'b str>,
    pub(super) method: Option<&'b str>,
    pub(super) name: Option<Scanned<'b>>,
    pub(super) params: Option<Scanned<'b>>,
    pub(super) data: Option<Scanned<'b>>,
    pub(super) result: Option<Scanned<'b>>,
    pub(super) error: Option<Scanned<'b>>,
}

impl<'b> Envelope<'b> {
    /// Scans the whole message; only `type`, `id` and `method` are type-checked.
    pub(super) fn read(message: &'b [u8]) -> Result<Self, Malformed> {
        let mut kind = None;
        let mut envelope = Envelope {
            kind: 0,
            id: None,
            method: None,
            name: None,
            params: None,
            data: None,
            result: None,
            error: None,
        };
        Scanner::new(message).message_map(|key, value| {
            match key {
                "params" => envelope.params = Some(value),
                "data" => envelope.data = Some(value),
                "result" => envelope.result = Some(value),
                "error" => envelope.error = Some(value),
                _ if value.has_duplicates => return Err(Malformed),
                "type" => kind = Some(typed(value)?),
                "id" => envelope.id = Some(typed(value)?),
                "method" => envelope.method = Some(typed(value)?),
                "name" => envelope.name = Some(value),
                _ => {}
            }
            Ok(())
        })?;
        envelope.kind = kind.ok_or(Malformed)?;
        Ok(envelope)
    }
}

pub(super) fn typed<'b, T: Decode<'b>>(value: Scanned<'b>) -> Result<T, Malformed> {
    T::decode(value.item).map_err(|_| Malformed)
}
