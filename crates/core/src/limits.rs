//! Bounds that are part of the wire and no knob (protocol §1.7, §2.7, §4).

/// Bytes of a kibibyte.
pub const KIB: usize = 1024;
/// Bytes of a mebibyte.
pub const MIB: usize = 1024 * KIB;

/// First message of a connection, in bytes.
pub const AUTH_FRAME: usize = 64 * KIB;
/// Request id, in bytes of UTF-8.
pub const REQUEST_ID: usize = 256;
/// Method name, in bytes; longer names are echoed cut.
pub const METHOD_NAME: usize = 64;
/// Levels of CBOR nesting.
pub const CBOR_DEPTH: usize = 32;
/// UCAN text, in bytes.
pub const UCAN_TEXT: usize = 64 * KIB;
/// Access token text, in bytes.
pub const TOKEN_TEXT: usize = 16 * KIB;
/// Default bound of an inbound message, in bytes, inclusive (newer-clients §5).
pub const INBOUND_MESSAGE: usize = 8 * MIB;
/// What an inbound message needs beside a single record blob, in bytes.
pub const INBOUND_HEADROOM: usize = 16 * KIB;
/// Bound of an outbound `pull.record`, in bytes (newer-clients §5).
pub const OUTBOUND_RECORD: usize = 8 * MIB;
/// Bound of every other outbound frame, in bytes, inclusive.
pub const OUTBOUND_FRAME: usize = 4 * MIB;
/// Default bound of a record blob, in bytes.
pub const RECORD_BLOB: usize = 5 * MIB;
/// Default number of changes of one push.
pub const PUSH_RECORDS: usize = 100_000;
/// Default sum of the blobs of one push, in bytes.
pub const PUSH_BYTES: usize = 500 * MIB;
/// Entries of one `subscribe`, `pull` or `unsubscribe`, and spaces watched by one connection.
pub const SPACES: usize = 1000;
/// Budget for `peers` in one subscribe answer, in bytes.
pub const SUBSCRIBE_PEERS: usize = MIB;
/// Payload that a list answer carries at most, in bytes.
pub const LIST_PAYLOAD: usize = 3 * MIB + MIB / 2;
/// Data of a presence entry, in bytes.
pub const PRESENCE_DATA: usize = KIB;
/// Data of an ephemeral event, in bytes.
pub const EVENT_DATA: usize = 4 * KIB;
/// Payload of an invitation, in bytes.
pub const INVITATION_PAYLOAD: usize = 128 * KIB;
/// Payload of a membership entry, in bytes.
pub const MEMBERSHIP_PAYLOAD: usize = 256 * KIB;
/// Identifier of a UCAN in a revocation, in bytes.
pub const UCAN_CID: usize = 128;
/// DID of a member, in bytes.
pub const MEMBER_DID: usize = 255;
/// Key shares of one `epochKeys.put`.
pub const KEY_SHARES: usize = 1000;
/// Wrapped key of one share, in bytes.
pub const WRAPPED_KEY: usize = 2 * KIB;
