//! `presence.set`, `presence.clear` and `event.send` (protocol §4.19).

use crate::cbor::{Required, map};

map! {
    /// The params of `presence.set`.
    pub struct PresenceSetParams<'b> {
        /// Any textual UUID form.
        "space" => space: &'b str as Required,
        /// 0 to [`limits::PRESENCE_DATA`](crate::limits::PRESENCE_DATA) bytes; a frame with more is ignored.
        "data" => data: &'b [u8] as Required,
    }

    /// The params of `presence.clear`.
    pub struct PresenceClearParams<'b> {
        /// Any textual UUID form.
        "space" => space: &'b str as Required,
    }

    /// The params of `event.send`.
    pub struct EventSendParams<'b> {
        /// Any textual UUID form.
        "space" => space: &'b str as Required,
        /// 0 to [`limits::EVENT_DATA`](crate::limits::EVENT_DATA) bytes; a frame with more is ignored.
        "data" => data: &'b [u8] as Required,
    }
}
