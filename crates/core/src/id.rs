//! UUID-based ids, one type per kind.

use std::fmt;
use std::str::FromStr;

use uuid::Uuid;

/// Text that is not an id of the expected kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a valid {kind} id")]
pub struct InvalidId {
    kind: &'static str,
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $kind:literal, $accepts:expr) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(Uuid);

        impl $name {
            /// Wraps sixteen bytes. Ids order as their bytes do.
            #[must_use]
            pub const fn from_bytes(bytes: [u8; 16]) -> Self {
                Self(Uuid::from_bytes(bytes))
            }

            /// Raw value, sixteen bytes.
            #[must_use]
            pub const fn as_bytes(&self) -> &[u8; 16] {
                self.0.as_bytes()
            }

            /// Value as a plain UUID.
            #[must_use]
            pub const fn as_uuid(&self) -> Uuid {
                self.0
            }

            /// Calls `use_text` with the canonical form (lowercase, hyphenated, 36 characters) without
            /// allocating it.
            pub fn with_text<R>(&self, use_text: impl FnOnce(&str) -> R) -> R {
                let mut buffer = Uuid::encode_buffer();
                use_text(self.0.hyphenated().encode_lower(&mut buffer))
            }
        }

        impl From<Uuid> for $name {
            fn from(uuid: Uuid) -> Self {
                Self(uuid)
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, InvalidId> {
                let accepts: fn(&str) -> bool = $accepts;
                match Uuid::try_parse(text) {
                    Ok(uuid) if accepts(text) => Ok(Self(uuid)),
                    _ => Err(InvalidId { kind: $kind }),
                }
            }
        }

        impl fmt::Display for $name {
            /// Writes the canonical form: lowercase and hyphenated.
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.hyphenated().fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.hyphenated().fmt(f)
            }
        }
    };
}

id! {
    /// Space: the unit of sync, of access and of ordering. Any textual UUID form is accepted
    /// (protocol §4.1).
    SpaceId, "space", |_| true
}

id! {
    /// Record within a space. Chosen by the client; meaningless to the server. Only the hyphenated form
    /// of 36 characters is accepted, in any case (protocol §4.1).
    RecordId, "record", |text| text.len() == 36
}

id! {
    /// File within a space. Any textual UUID form is accepted.
    FileId, "file", |_| true
}

id! {
    /// Invitation in a mailbox. Any textual UUID form is accepted.
    InvitationId, "invitation", |_| true
}

id! {
    /// Connection of this process: random, and the only client identity that appears in logs.
    ConnectionId, "connection", |_| true
}

impl SpaceId {
    /// Returns true for a version-5 UUID, the form of derived personal ids, which must not be created as a
    /// shared space (protocol §4.7).
    #[must_use]
    pub fn is_derived(&self) -> bool {
        self.0.get_version_num() == 5
    }
}
