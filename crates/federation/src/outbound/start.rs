//! Start of the tasks of a link.

use std::sync::Arc;

use super::dialer::LinkSocket;
use super::link::{Link, LinkDeps};
use super::terms::Terms;
use super::{reader, writer};

/// Starts reader and writer over an upgraded socket. `number` is unique among the links to the peer.
pub(super) fn start(socket: LinkSocket, number: u64, deps: LinkDeps) -> Arc<Link> {
    let (link, queued) = Link::new(number, Terms::default(), deps);
    let LinkSocket { reader, writer, subprotocol: _ } = socket;
    let spawner = &link.deps().spawner;
    spawner.spawn("federation link reader", Box::pin(reader::run(link.clone(), reader)));
    spawner.spawn("federation link writer", Box::pin(writer::run(link.clone(), writer, queued)));
    link
}
