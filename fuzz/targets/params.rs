//! Bodies of messages, decoded as every type of the wire: a value that decodes round-trips.

#![no_main]

use less_sync_core::cbor::Decode;
use less_sync_core::frame::{self, Inbound, Params, ServerFrame};
use less_sync_core::wire::{
    Empty, deks, epoch, epoch_keys, event, invitation, membership, presence, pull, push, space, subscribe,
    token,
};
use libfuzzer_sys::fuzz_target;

/// Body of a message; `None` for a message without one.
fn body(message: &[u8]) -> Option<Params<'_>> {
    if let Ok(Inbound::Request { params, .. } | Inbound::Notification { params, .. }) = frame::parse(message) {
        return Some(params);
    }
    match frame::parse_server(message) {
        Ok(ServerFrame::Response { outcome: Ok(body), .. } | ServerFrame::Chunk { data: body, .. }) => {
            Some(body)
        }
        _ => None,
    }
}

macro_rules! read_as {
    ($message:expr, $body:expr, $($type:ty,)+) => {$(
        // Decoding of bytes that were not scanned before.
        let _ = <$type>::decode($message);
        if let Some(Ok(value)) = $body.map(|body| body.decode::<$type>()) {
            let again = frame::response("", &value);
            let Ok(ServerFrame::Response { outcome: Ok(result), .. }) = frame::parse_server(&again) else {
                unreachable!("an encoded response parses")
            };
            assert_eq!(result.decode::<$type>(), Ok(value));
        }
    )+};
}

fuzz_target!(|message: &[u8]| {
    let body = body(message);
    read_as!(
        message,
        body,
        Empty,
        deks::DekRecord<'_>,
        deks::DeksGetParams<'_>,
        deks::DeksResult<'_>,
        deks::DeksRewrapParams<'_>,
        deks::DeksRewrapResult,
        deks::FileDekRecord<'_>,
        deks::FileDeksResult<'_>,
        epoch::EpochBeginParams<'_>,
        epoch::EpochBeginResult<'_>,
        epoch::EpochCompleteParams<'_>,
        epoch_keys::EpochKeysGetParams<'_>,
        epoch_keys::EpochKeysGetResult<'_>,
        epoch_keys::EpochKeysPutParams<'_>,
        epoch_keys::EpochKeysPutResult,
        event::EphemeralEvent<'_>,
        event::FileEvent<'_>,
        event::MembershipEvent<'_>,
        event::Presence<'_>,
        event::PresenceLeave<'_>,
        event::Resubscribe,
        event::Revoked<'_>,
        event::Sync<'_>,
        invitation::Invitation<'_>,
        invitation::InvitationCreateParams<'_>,
        invitation::InvitationIdParams<'_>,
        invitation::InvitationListParams<'_>,
        invitation::InvitationListResult<'_>,
        membership::MembershipAppendParams<'_>,
        membership::MembershipAppendResult,
        membership::MembershipListParams<'_>,
        membership::MembershipListResult<'_>,
        membership::MembershipRevokeParams<'_>,
        presence::EventSendParams<'_>,
        presence::PresenceClearParams<'_>,
        presence::PresenceSetParams<'_>,
        pull::ChunkCount,
        pull::PullBegin<'_>,
        pull::PullCommit<'_>,
        pull::PullFile<'_>,
        pull::PullMembership<'_>,
        pull::PullParams<'_>,
        pull::PullRecord<'_>,
        push::PushParams<'_>,
        push::PushResult<'_>,
        space::SpaceCreateParams<'_>,
        space::SpaceCreateResult<'_>,
        subscribe::SubscribeParams<'_>,
        subscribe::SubscribeResult<'_>,
        subscribe::UnsubscribeParams<'_>,
        token::AuthParams<'_>,
        token::TokenRefreshParams<'_>,
        token::TokenRefreshResult<'_>,
    );
});
