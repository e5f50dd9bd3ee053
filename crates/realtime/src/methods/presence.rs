//! `presence.set`, `presence.clear`, `event.send` (protocol §4.19). All failures are silent. Handlers
//! return the number of receivers.

use less_sync_core::wire::presence::{EventSendParams, PresenceClearParams, PresenceSetParams};

use super::params::space_id;
use crate::connection::Connection;

/// `presence.set`
pub(super) fn set(connection: &Connection, params: &PresenceSetParams<'_>) -> usize {
    let Ok(space) = space_id(params.space) else { return 0 };
    if params.data.len() > connection.endpoint.limits.presence_max_data {
        return 0;
    }
    connection.endpoint.broker.set_presence(space, connection.id, params.data)
}

/// `presence.clear`
pub(super) fn clear(connection: &Connection, params: &PresenceClearParams<'_>) -> usize {
    space_id(params.space).map_or(0, |space| connection.endpoint.broker.clear_presence(space, connection.id))
}

/// `event.send`
pub(super) fn send_event(connection: &Connection, params: &EventSendParams<'_>) -> usize {
    let Ok(space) = space_id(params.space) else { return 0 };
    if params.data.len() > connection.endpoint.limits.event_max_data {
        return 0;
    }
    connection.endpoint.broker.send_event(space, connection.id, params.data)
}
