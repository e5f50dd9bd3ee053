//! `presence.set`, `presence.clear`, `event.send` (protocol §4.19). All failures are silent. Handlers
//! return the number of receivers.

use bytes::Bytes;
use less_sync_core::wire::federation::{ForwardedEventSend, ForwardedPresenceClear, ForwardedPresenceSet};

use less_sync_core::SpaceId;
use less_sync_engine::ports::{EphemeralKind, PeerName};

use super::params::space_id;
use crate::connection::Connection;
use crate::server_link::ServerLink;

/// `presence.set`
pub(super) fn set(connection: &Connection, params: &ForwardedPresenceSet<'_>) -> usize {
    let Ok(space) = space_id(params.space) else { return 0 };
    if params.data.len() > connection.endpoint.limits.presence_max_data {
        return 0;
    }
    if let Some(link) = connection.server() {
        let present = || EphemeralKind::Present(Bytes::copy_from_slice(params.data));
        return forwarded(connection, link, (space, params.peer), present);
    }
    connection.endpoint.broker.set_presence(space, connection.id, params.data)
}

/// `presence.clear`
pub(super) fn clear(connection: &Connection, params: &ForwardedPresenceClear<'_>) -> usize {
    let Ok(space) = space_id(params.space) else { return 0 };
    match connection.server() {
        Some(link) => forwarded(connection, link, (space, params.peer), || EphemeralKind::Left),
        None => connection.endpoint.broker.clear_presence(space, connection.id),
    }
}

/// `event.send`
pub(super) fn send_event(connection: &Connection, params: &ForwardedEventSend<'_>) -> usize {
    let Ok(space) = space_id(params.space) else { return 0 };
    if params.data.len() > connection.endpoint.limits.event_max_data {
        return 0;
    }
    if let Some(link) = connection.server() {
        let event = || EphemeralKind::Event(Bytes::copy_from_slice(params.data));
        return forwarded(connection, link, (space, params.peer), event);
    }
    connection.endpoint.broker.send_event(space, connection.id, params.data)
}

/// Presence or an event of a client of the server behind `link` (federation §15).
fn forwarded(
    connection: &Connection,
    link: &ServerLink,
    (space, peer): (SpaceId, Option<&str>),
    kind: impl FnOnce() -> EphemeralKind,
) -> usize {
    let Some(peer) = peer.and_then(PeerName::parse).filter(|_| link.has_presence()) else { return 0 };
    connection.endpoint.broker.receive_from_server(space, connection.id, (link.server().name(), peer), kind())
}
