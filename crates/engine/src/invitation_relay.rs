//! Port for invitations to mailboxes on other servers (federation §14.1).

use async_trait::async_trait;
use bytes::Bytes;
use less_sync_core::MailboxId;

/// Invitation for a mailbox on another server. `Debug` shows no field.
#[derive(Clone)]
pub struct OutgoingInvitation {
    /// Mailbox of the recipient.
    pub mailbox: MailboxId,
    /// Ciphertext: UTF-8.
    pub payload: Bytes,
    /// Tag of the space, for the server of the recipient (federation §11.3).
    pub tag: Option<[u8; 16]>,
}

impl std::fmt::Debug for OutgoingInvitation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("OutgoingInvitation([redacted])")
    }
}

/// Failure to deliver an invitation to another server.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RelayError {
    /// No other server is dialled.
    #[error("federation is not enabled on this server")]
    Disabled,
    /// Server that is not a trusted peer; nothing was dialled.
    #[error("target server is not a trusted federation peer")]
    Untrusted,
    /// Limit of the other server, with its text.
    #[error("other server is rate limited: {0}")]
    RateLimited(String),
    /// Payload larger than the other server takes.
    #[error("payload is too large for the other server")]
    TooLarge,
    /// Any other failure.
    #[error("failed to deliver invitation to remote server")]
    Failed,
}

/// Port for deliveries to other servers.
#[async_trait]
pub trait InvitationRelay: Send + Sync {
    /// Returns true when `server` names this server.
    fn is_own(&self, server: &str) -> bool;

    /// Delivers an invitation to `server`. There is no store-and-forward: the caller may retry, and a retry within ten minutes
    /// delivers once (federation IV-1).
    ///
    /// # Errors
    /// [`RelayError`].
    async fn relay(&self, server: &str, invitation: &OutgoingInvitation) -> Result<(), RelayError>;
}

/// Relay of a server without federation.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoRelay;

#[async_trait]
impl InvitationRelay for NoRelay {
    fn is_own(&self, _server: &str) -> bool {
        false
    }

    async fn relay(&self, _server: &str, _invitation: &OutgoingInvitation) -> Result<(), RelayError> {
        Err(RelayError::Disabled)
    }
}
