//! Names of methods and notifications (protocol §4, §5.1; newer-clients §4).

/// First frame of a connection (notification, client to server).
pub const AUTH: &str = "auth";
/// Watch spaces.
pub const SUBSCRIBE: &str = "subscribe";
/// Stop watching spaces (notification, client to server).
pub const UNSUBSCRIBE: &str = "unsubscribe";
/// Write records.
pub const PUSH: &str = "push";
/// Read what changed.
pub const PULL: &str = "pull";
/// Replace the access token.
pub const TOKEN_REFRESH: &str = "token.refresh";
/// Create a shared space.
pub const SPACE_CREATE: &str = "space.create";
/// Append to the membership log.
pub const MEMBERSHIP_APPEND: &str = "membership.append";
/// Read the membership log.
pub const MEMBERSHIP_LIST: &str = "membership.list";
/// Revoke a UCAN.
pub const MEMBERSHIP_REVOKE: &str = "membership.revoke";
/// Leave an invitation in a mailbox.
pub const INVITATION_CREATE: &str = "invitation.create";
/// Read one's mailbox.
pub const INVITATION_LIST: &str = "invitation.list";
/// Read one invitation.
pub const INVITATION_GET: &str = "invitation.get";
/// Delete one invitation.
pub const INVITATION_DELETE: &str = "invitation.delete";
/// Start a key rotation.
pub const EPOCH_BEGIN: &str = "epoch.begin";
/// Finish a key rotation.
pub const EPOCH_COMPLETE: &str = "epoch.complete";
/// Leave a wrapped copy of the new key for every member.
pub const EPOCH_KEYS_PUT: &str = "epochKeys.put";
/// Read one's own wrapped copy.
pub const EPOCH_KEYS_GET: &str = "epochKeys.get";
/// List the wrapped keys of records.
pub const DEKS_GET: &str = "deks.get";
/// Replace wrapped keys of records.
pub const DEKS_REWRAP: &str = "deks.rewrap";
/// List the wrapped keys of files.
pub const DEKS_GET_FILES: &str = "deks.getFiles";
/// The documented name of [`DEKS_GET_FILES`].
pub const FILE_DEKS_GET: &str = "file.deks.get";
/// Replace wrapped keys of files.
pub const DEKS_REWRAP_FILES: &str = "deks.rewrapFiles";
/// The documented name of [`DEKS_REWRAP_FILES`].
pub const FILE_DEKS_REWRAP: &str = "file.deks.rewrap";
/// Say something about oneself in a space (notification, client to server).
pub const PRESENCE_SET: &str = "presence.set";
/// Take it back (notification, client to server).
pub const PRESENCE_CLEAR: &str = "presence.clear";
/// Say something once (notification, client to server).
pub const EVENT_SEND: &str = "event.send";

/// Records were pushed (notification, server to client, as are all that follow).
pub const SYNC: &str = "sync";
/// The membership log grew.
pub const MEMBERSHIP: &str = "membership";
/// Files came or went.
pub const FILE: &str = "file";
/// Somebody's access was revoked.
pub const REVOKED: &str = "revoked";
/// Subscriptions ended; subscribe again.
pub const RESUBSCRIBE: &str = "resubscribe";
/// There is something new in the mailbox.
pub const INVITATION: &str = "invitation";
/// Presence of a peer.
pub const PRESENCE: &str = "presence";
/// A peer is no longer present.
pub const PRESENCE_LEAVE: &str = "presence.leave";
/// What a peer said with [`EVENT_SEND`].
pub const EVENT: &str = "event";

/// What stands between "invalid" and "params" when the params of request `method` cannot be decoded
/// (protocol §3.4); `None` for names that are no request of a client.
#[must_use]
pub fn params_label(method: &str) -> Option<&'static str> {
    Some(match method {
        SUBSCRIBE => "subscribe",
        PUSH => "push",
        PULL => "pull",
        TOKEN_REFRESH => "token refresh",
        SPACE_CREATE => "space create",
        MEMBERSHIP_APPEND => "membership append",
        MEMBERSHIP_LIST => "membership list",
        MEMBERSHIP_REVOKE => "membership revoke",
        INVITATION_CREATE => "invitation create",
        INVITATION_LIST => "invitation list",
        INVITATION_GET => "invitation get",
        INVITATION_DELETE => "invitation delete",
        EPOCH_BEGIN => "epoch begin",
        EPOCH_COMPLETE => "epoch complete",
        EPOCH_KEYS_PUT => EPOCH_KEYS_PUT,
        EPOCH_KEYS_GET => EPOCH_KEYS_GET,
        DEKS_GET => "deks get",
        DEKS_REWRAP => "deks rewrap",
        DEKS_GET_FILES | FILE_DEKS_GET => "file deks get",
        DEKS_REWRAP_FILES | FILE_DEKS_REWRAP => "file deks rewrap",
        _ => return None,
    })
}
