//! Mailbox ids (auth §4.2).

use less_sync_core::MailboxId;

use super::Secret;

const SALT: &[u8] = b"less-platform-mailbox-salt-v1";
const LABEL: &[u8] = b"less:mailbox:v1";

/// Derives the mailbox id of the user `user_id` of `issuer` from `client_key`. Without the key, the id and the names cannot
/// be linked.
#[must_use]
pub fn mailbox_id(client_key: &Secret, issuer: &str, user_id: &str) -> MailboxId {
    let info = [LABEL, b"\0", issuer.as_bytes(), b"\0", user_id.as_bytes()];
    MailboxId::from_bytes(*Secret::derive(SALT, client_key.expose(), &info).expose())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Vector of another implementation of HKDF, for the key 00 01 … 1f.
    #[test]
    fn derivation_matches_the_specification() {
        let key = Secret::from_bytes(std::array::from_fn(|index| u8::try_from(index).unwrap()));
        assert_eq!(
            mailbox_id(&key, "https://accounts.example.com", "user-1").to_hex(),
            "b8719f0a211eb6e1cb779596366a7a1303ed6340d48868d1b79a89b18b8a3cce"
        );
    }
}
