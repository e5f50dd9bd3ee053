//! `presence.set`, `presence.clear`, `event.send` (protocol §4.19). All failures are silent.

use less_sync_core::SpaceId;
use less_sync_core::wire::presence::{EventSendParams, PresenceClearParams, PresenceSetParams};

use crate::call::Call;
use crate::connection::Connection;

/// `presence.set`
pub(super) fn set(connection: &Connection, call: &Call) {
    let Ok(params) = call.params::<PresenceSetParams<'_>>() else { return };
    let Ok(space) = params.space.parse::<SpaceId>() else { return };
    if params.data.len() <= connection.endpoint.limits.presence_max_data {
        connection.endpoint.broker.set_presence(space, connection.id, params.data);
    }
}

/// `presence.clear`
pub(super) fn clear(connection: &Connection, call: &Call) {
    let Ok(params) = call.params::<PresenceClearParams<'_>>() else { return };
    if let Ok(space) = params.space.parse::<SpaceId>() {
        connection.endpoint.broker.clear_presence(space, connection.id);
    }
}

/// `event.send`
pub(super) fn send_event(connection: &Connection, call: &Call) {
    let Ok(params) = call.params::<EventSendParams<'_>>() else { return };
    let Ok(space) = params.space.parse::<SpaceId>() else { return };
    if params.data.len() <= connection.endpoint.limits.event_max_data {
        connection.endpoint.broker.send_event(space, connection.id, params.data);
    }
}
