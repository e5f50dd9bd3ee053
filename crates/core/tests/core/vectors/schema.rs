//! Wire type of every vector.

use less_sync_core::cbor::{Encode, InvalidParams};
use less_sync_core::frame::Params;
use less_sync_core::wire::{
    Empty, deks, epoch, epoch_keys, event, federation, invitation, membership, presence, pull, push, space,
    subscribe, token,
};

macro_rules! schemas {
    ($($($schema:literal)|+ => $type:ty,)+) => {
        /// Decodes a body as the type of that name and writes it again; `None` for names without a type.
        pub(crate) fn rewrite(schema: &str, body: Params<'_>) -> Option<Result<Vec<u8>, InvalidParams>> {
            match schema {
                $($($schema)|+ => Some(body.decode::<$type>().map(|value| {
                    let mut out = Vec::new();
                    value.encode(&mut out);
                    out
                })),)+
                _ => None,
            }
        }
    };
}

schemas! {
    "auth" => token::AuthParams<'_>,
    "SubscribeParams" => subscribe::SubscribeParams<'_>,
    "SubscribeResult" => subscribe::SubscribeResult<'_>,
    "UnsubscribeParams" => subscribe::UnsubscribeParams<'_>,
    "PushParams" => push::PushParams<'_>,
    "PushResult" => push::PushResult<'_>,
    "PullParams" => pull::PullParams<'_>,
    "WsPullBegin" => pull::PullBegin<'_>,
    "WsPullRecord" => pull::PullRecord<'_>,
    "WsMembership" => pull::PullMembership<'_>,
    "WsPullFile" => pull::PullFile<'_>,
    "WsPullCommit" => pull::PullCommit<'_>,
    "ChunkCount" => pull::ChunkCount,
    "TokenRefreshParams" => token::TokenRefreshParams<'_>,
    "TokenRefreshResult" => token::TokenRefreshResult<'_>,
    "SpaceCreateParams" => space::SpaceCreateParams<'_>,
    "SpaceCreateResult" => space::SpaceCreateResult<'_>,
    "MembershipAppendParams" => membership::MembershipAppendParams<'_>,
    "MembershipAppendResult" => membership::MembershipAppendResult,
    "MembershipListParams" => membership::MembershipListParams<'_>,
    "MembershipListResult" => membership::MembershipListResult<'_>,
    "MembershipRevokeParams" => membership::MembershipRevokeParams<'_>,
    "FedInvitationParams" => federation::FedInvitationParams<'_>,
    "FedInvitationResult" => federation::FedInvitationResult<'_>,
    "InvitationCreateParams" => invitation::InvitationCreateParams<'_>,
    "InvitationResult" => invitation::Invitation<'_>,
    "InvitationListParams" => invitation::InvitationListParams<'_>,
    "InvitationListResult" => invitation::InvitationListResult<'_>,
    "InvitationGetParams" | "InvitationDeleteParams" => invitation::InvitationIdParams<'_>,
    "EpochBeginParams" => epoch::EpochBeginParams<'_>,
    "EpochBeginResult" | "EpochConflictResult" => epoch::EpochBeginResult<'_>,
    "EpochCompleteParams" => epoch::EpochCompleteParams<'_>,
    "EpochKeysPutParams" => epoch_keys::EpochKeysPutParams<'_>,
    "EpochKeysPutResult" => epoch_keys::EpochKeysPutResult,
    "EpochKeysGetParams" => epoch_keys::EpochKeysGetParams<'_>,
    "EpochKeysGetResult" => epoch_keys::EpochKeysGetResult<'_>,
    "DeksGetParams" | "FileDeksGetParams" => deks::DeksGetParams<'_>,
    "WsDekRecord" | "DekRecordChunk" => deks::DekRecord<'_>,
    "FileDekRecordChunk" => deks::FileDekRecord<'_>,
    "DeksResult" => deks::DeksResult<'_>,
    "FileDeksResult" => deks::FileDeksResult<'_>,
    "DeksRewrapParams" | "FileDeksRewrapParams" => deks::DeksRewrapParams<'_>,
    "DeksRewrapResult" => deks::DeksRewrapResult,
    "PresenceSetParams" => presence::PresenceSetParams<'_>,
    "PresenceClearParams" => presence::PresenceClearParams<'_>,
    "EventSendParams" => presence::EventSendParams<'_>,
    "WsSync" => event::Sync<'_>,
    "WsMembershipN" => event::MembershipEvent<'_>,
    "WsFile" | "WsFileN" => event::FileEvent<'_>,
    "WsRevokedN" => event::Revoked<'_>,
    "WsResubscribeN" => event::Resubscribe,
    "WsPresenceN" => event::Presence<'_>,
    "WsPresenceLeaveN" => event::PresenceLeave<'_>,
    "WsEventN" => event::EphemeralEvent<'_>,
    "EmptyN" | "Empty" => Empty,
}

/// The schema of the params of a method, as a dispatcher would choose it.
pub(crate) fn of_method(method: &str) -> Option<&'static str> {
    Some(match method {
        "subscribe" => "SubscribeParams",
        "push" => "PushParams",
        "pull" => "PullParams",
        "token.refresh" => "TokenRefreshParams",
        "space.create" => "SpaceCreateParams",
        "membership.append" => "MembershipAppendParams",
        "membership.list" => "MembershipListParams",
        "membership.revoke" => "MembershipRevokeParams",
        "invitation.create" => "InvitationCreateParams",
        "invitation.list" => "InvitationListParams",
        "invitation.get" => "InvitationGetParams",
        "invitation.delete" => "InvitationDeleteParams",
        "epoch.begin" => "EpochBeginParams",
        "epoch.complete" => "EpochCompleteParams",
        "epochKeys.put" => "EpochKeysPutParams",
        "epochKeys.get" => "EpochKeysGetParams",
        "deks.get" => "DeksGetParams",
        "deks.getFiles" | "file.deks.get" => "FileDeksGetParams",
        "deks.rewrap" => "DeksRewrapParams",
        "deks.rewrapFiles" | "file.deks.rewrap" => "FileDeksRewrapParams",
        "unsubscribe" => "UnsubscribeParams",
        "presence.set" => "PresenceSetParams",
        "presence.clear" => "PresenceClearParams",
        "event.send" => "EventSendParams",
        _ => return None,
    })
}
