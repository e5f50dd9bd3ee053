//! `presence.set`, `presence.clear` and `event.send` (protocol §4.19).

use crate::cbor::{Required, map};

map! {
    /// Params of `presence.set`.
    pub struct PresenceSetParams<'b> {
        /// Space id, in any textual UUID form.
        "space" => space: &'b str as Required,
        /// Presence data, 0 to [`limits::PRESENCE_DATA`](crate::limits::PRESENCE_DATA) bytes; a longer frame is ignored.
        "data" => data: &'b [u8] as Required,
    }

    /// Params of `presence.clear`.
    pub struct PresenceClearParams<'b> {
        /// Space id, in any textual UUID form.
        "space" => space: &'b str as Required,
    }

    /// Params of `event.send`.
    pub struct EventSendParams<'b> {
        /// Space id, in any textual UUID form.
        "space" => space: &'b str as Required,
        /// Event data, 0 to [`limits::EVENT_DATA`](crate::limits::EVENT_DATA) bytes; a longer frame is ignored.
        "data" => data: &'b [u8] as Required,
    }
}
