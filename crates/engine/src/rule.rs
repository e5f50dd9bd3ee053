//! Rule that decided the rejection of a request, for the operator: clients receive a code and a fixed text only.

use std::borrow::Cow;

use less_sync_auth::TokenError;
use less_sync_auth::rights::Scope;
use less_sync_auth::ucan::UcanError;
use less_sync_storage::Quota;

/// Rule that decided a rejection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// Access token rejected (auth §1.3).
    Token(TokenError),
    /// Access token without a scope that the operation requires.
    Scope(Scope),
    /// Personal space of another user or another app.
    ForeignPersonalSpace,
    /// Space of the personal kind whose id belongs to a shared one, or the reverse.
    SpaceKind,
    /// Shared space, and no UCAN chain in the request.
    NoChain,
    /// Shared space, and an access token without a DID, to which a chain could be bound.
    NoDid,
    /// UCAN chain rejected (auth §6).
    Chain(UcanError),
    /// Subscribe token of another server that is not valid, or not for the operation (federation §10.3).
    SubscribeToken,
    /// Chain with more tokens than can be looked up for revocations.
    ChainLength,
    /// Revocation of a token of the own chain.
    OwnChain,
    /// Operation that requires a higher permission than the method grants.
    Permission,
    /// No such space on this server.
    UnknownSpace,
    /// Space whose home is another server.
    RemoteSpace,
    /// Hourly or daily limit of an action.
    ActionLimit,
    /// Limit of connections of one mailbox, actor, address or process.
    ConnectionLimit,
    /// Limit of concurrent transfers.
    TransferLimit,
    /// Quota of stored bytes.
    Quota(Quota),
    /// Reserve of the disk reached, or object store full.
    StoreFull,
    /// Key generation below the minimum of the space.
    KeyGeneration,
    /// Size or number above a configured limit.
    TooLarge,
    /// Full mailbox or membership log.
    Full,
    /// Params or values that cannot be used.
    Malformed,
    /// Method that the server does not have.
    UnknownMethod,
}

impl Rule {
    /// Name of the rule: lower-case words, with the class of the token or chain behind a dot.
    #[must_use]
    pub fn name(self) -> Cow<'static, str> {
        let name = match self {
            Self::Token(error) => return format!("token.{}", error.class()).into(),
            Self::Scope(scope) => return format!("scope.{}", scope.as_str()).into(),
            Self::Chain(error) => return format!("chain.{}", error.class()).into(),
            Self::Quota(quota) => return format!("quota.{}", quota.as_str()).into(),
            Self::ForeignPersonalSpace => "foreign_personal_space",
            Self::SpaceKind => "space_kind",
            Self::NoChain => "no_chain",
            Self::NoDid => "no_did",
            Self::SubscribeToken => "subscribe_token",
            Self::ChainLength => "chain_length",
            Self::OwnChain => "own_chain",
            Self::Permission => "permission",
            Self::UnknownSpace => "unknown_space",
            Self::RemoteSpace => "remote_space",
            Self::ActionLimit => "action_limit",
            Self::ConnectionLimit => "connection_limit",
            Self::TransferLimit => "transfer_limit",
            Self::StoreFull => "store_full",
            Self::KeyGeneration => "key_generation",
            Self::TooLarge => "too_large",
            Self::Full => "full",
            Self::Malformed => "malformed",
            Self::UnknownMethod => "unknown_method",
        };
        name.into()
    }

    /// Explanation for the operator: what was checked, and what came out.
    #[must_use]
    pub fn explanation(self) -> Cow<'static, str> {
        let text = match self {
            Self::Token(TokenError::Invalid(reason)) => return format!("access token: {reason}").into(),
            Self::Token(error) => return format!("access token: {error}").into(),
            Self::Scope(scope) => {
                return format!("the access token lacks the scope {:?}", scope.as_str()).into();
            }
            Self::Chain(UcanError::Invalid(reason)) => return format!("UCAN chain: {reason}").into(),
            Self::Chain(error) => return format!("UCAN chain: {error}").into(),
            Self::Quota(Quota::Space) => "the write exceeds MAX_SPACE_BYTES of the space",
            Self::Quota(Quota::User) => "the write exceeds MAX_USER_BYTES of the owner of the space",
            Self::ForeignPersonalSpace => {
                "the space is personal, and the token is of another user, app or issuer than the one it was derived from"
            }
            Self::SpaceKind => "the id of a personal space is taken by a shared space",
            Self::NoChain => "the space is shared, and the request has no UCAN chain",
            Self::NoDid => {
                "the space is shared, and the access token has no DID that a UCAN chain could be for"
            }
            Self::SubscribeToken => "the subscribe token of the server is not valid for the operation",
            Self::ChainLength => "the UCAN chain has more tokens than allowed",
            Self::OwnChain => "a caller cannot revoke a token of their own chain",
            Self::Permission => "the method does not grant the permission that the operation requires",
            Self::UnknownSpace => "the space does not exist on this server",
            Self::RemoteSpace => "the home of the space is another server, which is not reachable",
            Self::ActionLimit => "the actor has used up an hourly or daily limit (RATE_LIMIT_*)",
            Self::ConnectionLimit => {
                "a limit of connections is reached (WS_MAX_CONNECTIONS_*, WS_MAX_UNAUTHENTICATED_PER_ADDRESS)"
            }
            Self::TransferLimit => {
                "the limit of concurrent transfers is reached (FILE_UPLOAD_CONCURRENCY, FILE_DOWNLOAD_CONCURRENCY)"
            }
            Self::StoreFull => "the disk or the bucket is full, or has reached its reserve",
            Self::KeyGeneration => "the key generation is below the minimum of the space",
            Self::TooLarge => "a size or number is above its limit",
            Self::Full => "the mailbox or the membership log is full",
            Self::Malformed => "the parameters cannot be decoded, or have a value that is not allowed",
            Self::UnknownMethod => "the server has no such method",
        };
        text.into()
    }
}
