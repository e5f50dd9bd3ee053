//! Limits fixed by the wire, without a setting (protocol §1.7, §2.7, §4).

/// Bytes in a kibibyte.
pub const KIB: usize = 1024;
/// Bytes in a mebibyte.
pub const MIB: usize = 1024 * KIB;

/// Maximum size of the first message of a connection, in bytes.
pub const AUTH_FRAME: usize = 64 * KIB;
/// Maximum length of a request id, in bytes of UTF-8.
pub const REQUEST_ID: usize = 256;
/// Maximum length of a method name, in bytes; longer names are truncated in the echo.
pub const METHOD_NAME: usize = 64;
/// Maximum nesting depth of CBOR items.
pub const CBOR_DEPTH: usize = 32;
/// Maximum length of a UCAN text, in bytes.
pub const UCAN_TEXT: usize = 64 * KIB;
/// Maximum length of an access token text, in bytes.
pub const TOKEN_TEXT: usize = 16 * KIB;
/// Default maximum size of an inbound message, in bytes, inclusive (newer-clients §5).
pub const INBOUND_MESSAGE: usize = 8 * MIB;
/// Overhead of an inbound message that carries a single record blob, in bytes.
pub const INBOUND_HEADROOM: usize = 16 * KIB;
/// Maximum size of an outbound `pull.record` frame, in bytes (newer-clients §5).
pub const OUTBOUND_RECORD: usize = 8 * MIB;
/// Maximum size of every other outbound frame, in bytes, inclusive.
pub const OUTBOUND_FRAME: usize = 4 * MIB;
/// Default maximum size of a record blob, in bytes.
pub const RECORD_BLOB: usize = 5 * MIB;
/// Default maximum number of changes in one push.
pub const PUSH_RECORDS: usize = 5_000;
/// Default maximum sum of the blobs in one push, in bytes.
pub const PUSH_BYTES: usize = 500 * MIB;
/// Maximum number of entries in one `subscribe`, `pull` or `unsubscribe`, and of spaces watched by one connection.
pub const SPACES: usize = 1000;
/// Maximum size of all `peers` in one subscribe response, in bytes.
pub const SUBSCRIBE_PEERS: usize = MIB;
/// Maximum payload of a list response, in bytes.
pub const LIST_PAYLOAD: usize = 3 * MIB + MIB / 2;
/// Maximum size of presence data, in bytes.
pub const PRESENCE_DATA: usize = KIB;
/// Maximum size of the data of an ephemeral event, in bytes.
pub const EVENT_DATA: usize = 4 * KIB;
/// Maximum payload of an invitation, in bytes.
pub const INVITATION_PAYLOAD: usize = 128 * KIB;
/// Maximum payload of a membership entry, in bytes.
pub const MEMBERSHIP_PAYLOAD: usize = 256 * KIB;
/// Maximum length of a name in bytes of UTF-8: DIDs, and the claims `sub`, `client_id` and `jti` (auth §2.3).
pub const NAME: usize = 255;
/// Maximum number of key shares in one `epochKeys.put`.
pub const KEY_SHARES: usize = 1000;
/// Maximum size of the wrapped key in one share, in bytes.
pub const WRAPPED_KEY: usize = 2 * KIB;
