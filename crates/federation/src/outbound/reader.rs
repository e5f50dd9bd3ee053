//! Reader task of a link: hands responses to their calls. It waits for the socket and for nothing else (federation PM-2).

use std::sync::Arc;

use bytes::Bytes;
use less_sync_core::frame::{self, ServerFrame};

use super::chunk_queue::{Chunk, ChunkKind};
use super::dialer::{LinkReader, Received};
use super::link::{Link, LinkEnd};
use super::notice::Notice;
use super::response::Rejected;

/// Reads until the link has ended.
pub(super) async fn run(link: Arc<Link>, mut reader: Box<dyn LinkReader>) {
    let clock = link.deps().clock.clone();
    loop {
        let dead = clock.sleep_until(clock.instant() + link.terms().dead(&link.deps().timing));
        let end = tokio::select! {
            biased;
            received = reader.next() => on_received(&link, received),
            end = link.until_ended() => Some(end),
            () = dead => Some(LinkEnd::Dead),
        };
        if let Some(end) = end {
            link.end(end);
            return;
        }
    }
}

fn on_received(link: &Link, received: Received) -> Option<LinkEnd> {
    match received {
        Received::Message(message) => dispatch(link, &message).err(),
        Received::Control => None,
        Received::Text => Some(LinkEnd::Unreadable),
        Received::Closed { code, reason } => Some(LinkEnd::Closed { code, reason }),
        Received::TooBig => Some(LinkEnd::TooBig),
        Received::Lost => Some(LinkEnd::Lost),
    }
}

/// Hands a response to its call, and a notification to the listener. Requests of a peer on this link are ignored (federation
/// §8.1), as are chunks without a call.
fn dispatch(link: &Link, message: &Bytes) -> Result<(), LinkEnd> {
    match frame::parse_server(message).map_err(|_| LinkEnd::Unreadable)? {
        ServerFrame::Response { id, outcome } => {
            let response = match outcome {
                Ok(result) => Ok(result.raw().map_or_else(Bytes::new, |raw| message.slice_ref(raw))),
                Err(error) => {
                    Err(Rejected { code: error.code.to_owned(), message: error.message.to_owned() })
                }
            };
            link.calls().respond(id, response);
        }
        ServerFrame::Chunk { id, name, data } => {
            let data = data.raw().map_or_else(Bytes::new, |raw| message.slice_ref(raw));
            link.calls().chunk(id, Chunk { kind: ChunkKind::of(name), data });
        }
        ServerFrame::Notification { method, params } => {
            if let (Some(listener), Some(params)) = (&link.deps().listener, params.raw()) {
                listener.notified(&link.deps().peer, Notice { method, params, message });
            }
        }
        ServerFrame::Keepalive | ServerFrame::Ignored => {}
    }
    Ok(())
}
