//! Events of changes that were forwarded, for the other subscribers on this server: the home does not send them back over the
//! link that the change came on (federation §9.4, §12.4).

use std::sync::Arc;

use bytes::Bytes;
use less_sync_core::cbor::Decode as _;
use less_sync_core::wire::epoch::{EpochBeginParams, EpochBeginResult, EpochBegun};
use less_sync_core::wire::membership::{
    MembershipAppendParams, MembershipAppendResult, MembershipRevokeParams,
};
use less_sync_core::wire::method::Method;
use less_sync_core::{Cursor, Did, SpaceId};
use less_sync_engine::{AppendedEvent, PushedEvent, Revocation, RevokedEvent, SpaceEvent, SpaceEvents as _};
use less_sync_storage::{Change, MemberEntry};

use crate::context::Context;
use crate::methods::membership::prev_hash;
use crate::methods::params::space_id;

/// Publishes the change of a forwarded request, whose result is undecoded. Without a subscriber nothing is done.
pub(super) fn publish(context: &Context, result: &Bytes) {
    let event = match context.call().method {
        Some(Method::MembershipAppend) => appended(context, result),
        Some(Method::MembershipRevoke) => revoked(context),
        Some(Method::EpochBegin) => {
            note_epoch(context, result);
            None
        }
        _ => None,
    };
    if let Some(event) = event {
        context.connection().endpoint.broker.publish(event);
    }
}

/// Publishes a forwarded push that has led to `cursor`. `None` for changes that this server cannot decode: the subscribers are
/// sent a pull hint as soon as a later change shows the gap.
pub(in crate::methods) fn publish_push(
    context: &Context,
    space: SpaceId,
    cursor: Cursor,
    changes: Arc<[Change]>,
) {
    let broker = &context.connection().endpoint.broker;
    let (Some(newest), Some(prev)) = (broker.newest(space), before(cursor)) else { return };
    if changes.is_empty() {
        return;
    }
    broker.publish(SpaceEvent::Pushed(PushedEvent {
        space,
        prev,
        cursor,
        key_generation: newest.key_generation,
        rewrap_epoch: newest.rewrap_epoch,
        changes,
        deleted_files: Vec::new(),
        origin: context.connection_id(),
    }));
}

/// Cursor before a change, which moves it by one.
fn before(cursor: Cursor) -> Option<Cursor> {
    Cursor::new(cursor.get().checked_sub(1)?).ok()
}

/// A home that does not state the cursor of the entry leaves a gap, which the next event shows.
fn appended(context: &Context, result: &Bytes) -> Option<SpaceEvent> {
    let params: MembershipAppendParams<'_> = context.params().ok()?;
    let result = MembershipAppendResult::decode(result).ok()?;
    let (space, cursor) = (space_id(params.space).ok()?, result.cursor?);
    let newest = context.connection().endpoint.broker.newest(space)?;
    let entry = MemberEntry {
        chain_seq: result.chain_seq,
        cursor,
        prev_hash: params.prev_hash.map(prev_hash),
        entry_hash: params.entry_hash.try_into().ok()?,
        payload: context.slice(params.payload),
    };
    Some(SpaceEvent::Appended(AppendedEvent {
        space,
        prev: before(cursor)?,
        key_generation: newest.key_generation,
        rewrap_epoch: newest.rewrap_epoch,
        entry,
        origin: context.connection_id(),
    }))
}

/// The subscriptions that rest on the revoked token end here, too.
fn revoked(context: &Context) -> Option<SpaceEvent> {
    let params: MembershipRevokeParams<'_> = context.params().ok()?;
    let space = space_id(params.space).ok()?;
    let member = params.member_did.and_then(|did| Did::try_from(did).ok());
    let revocation = Revocation::new(params.ucan_cid.parse().ok()?, member);
    Some(SpaceEvent::Revoked(RevokedEvent { space, revocation, origin: Some(context.connection_id()) }))
}

/// Notes the key generation of a rotation that has begun, which the next events carry.
fn note_epoch(context: &Context, result: &Bytes) {
    let Ok(EpochBeginResult::Begun(EpochBegun { epoch })) = EpochBeginResult::decode(result) else { return };
    let params: Result<EpochBeginParams<'_>, _> = context.params();
    if let Some(space) = params.ok().and_then(|params| space_id(params.space).ok()) {
        context.connection().endpoint.broker.note_epoch(space, epoch);
    }
}
