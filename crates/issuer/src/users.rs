//! Users of the issuer, and their file (operations §17.2).

use std::collections::{HashMap, HashSet};
use std::str::FromStr;

use less_sync_core::{ClientId, MailboxId};
use serde::{Deserialize, Serialize};

use crate::password::StoredHash;

/// Version of the format.
const VERSION: u32 = 1;
/// Maximum length of a name, in characters.
const MAX_NAME: usize = 64;
/// Maximum number of mailboxes of a user: one per app and device.
pub(crate) const MAX_MAILBOXES: usize = 64;

/// Name under which a user logs in: 1 to 64 of `a-z`, `0-9`, `.`, `_`, `@`, `+` and `-`. Capital letters are taken as small
/// ones. `Debug` shows nothing.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct UserName(String);

/// Text that is not the name of a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a user name has 1 to 64 characters of a-z, 0-9, '.', '_', '@', '+' and '-'")]
pub struct InvalidUserName;

impl FromStr for UserName {
    type Err = InvalidUserName;

    fn from_str(text: &str) -> Result<Self, InvalidUserName> {
        let name = text.to_ascii_lowercase();
        let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._@+-".contains(&byte);
        let is_name = !name.is_empty() && name.len() <= MAX_NAME && name.bytes().all(is_allowed);
        if is_name { Ok(Self(name)) } else { Err(InvalidUserName) }
    }
}

impl UserName {
    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for UserName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("UserName([redacted])")
    }
}

/// A user without secrets, for lists.
#[derive(Clone, Debug)]
pub struct UserSummary {
    /// Name of the user.
    pub name: UserName,
    /// `sub` of tokens: fixed for ever, since spaces belong to it.
    pub id: String,
    /// Number of mailboxes that the user's devices have registered.
    pub mailboxes: usize,
}

/// A user.
#[derive(Clone)]
pub(crate) struct User {
    pub(crate) name: UserName,
    pub(crate) id: String,
    pub(crate) password: StoredHash,
    pub(crate) mailboxes: Vec<MailboxId>,
}

/// All users, in the order of the file.
#[derive(Clone, Default)]
pub(crate) struct Users {
    pub(crate) list: Vec<User>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    version: u32,
    users: Vec<Entry>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    name: String,
    id: String,
    password: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    mailboxes: Vec<String>,
}

impl Users {
    /// Parses a file.
    ///
    /// # Errors
    /// First mistake, with its place.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let document: Document = serde_json::from_str(text).map_err(|error| error.to_string())?;
        if document.version != VERSION {
            return Err(format!("version {} of the format is not supported", document.version));
        }
        let entries = document.users.into_iter().enumerate();
        let list: Vec<User> = entries.map(|(at, entry)| entry.parse(at)).collect::<Result<_, _>>()?;
        let (mut names, mut ids) = (HashSet::new(), HashSet::new());
        let mut owners = HashMap::new();
        for (at, user) in list.iter().enumerate() {
            if !names.insert(&user.name) || !ids.insert(&user.id) {
                return Err(format!("users[{at}]: name or id is taken"));
            }
            for mailbox in &user.mailboxes {
                if owners.insert(mailbox.to_hex(), at).is_some_and(|owner| owner != at) {
                    return Err(format!("users[{at}]: a mailbox is that of another user"));
                }
            }
        }
        Ok(Self { list })
    }

    /// The document to store.
    pub(crate) fn to_document(&self) -> impl Serialize {
        let entry = |user: &User| Entry {
            name: user.name.as_str().to_owned(),
            id: user.id.clone(),
            password: user.password.as_str().to_owned(),
            mailboxes: user.mailboxes.iter().map(MailboxId::to_hex).collect(),
        };
        Document { version: VERSION, users: self.list.iter().map(entry).collect() }
    }

    pub(crate) fn named(&self, name: &UserName) -> Option<&User> {
        self.list.iter().find(|user| user.name == *name)
    }

    pub(crate) fn with_id(&self, id: &str) -> Option<&User> {
        self.list.iter().find(|user| user.id == id)
    }

    /// User who registered a mailbox.
    pub(crate) fn owner_of(&self, mailbox: &MailboxId) -> Option<&User> {
        self.list.iter().find(|user| user.mailboxes.contains(mailbox))
    }
}

impl Entry {
    fn parse(self, at: usize) -> Result<User, String> {
        let invalid = |what: &str| format!("users[{at}]: {what}");
        let name = self.name.parse().map_err(|error: InvalidUserName| invalid(&error.to_string()))?;
        if self.id.parse::<ClientId>().is_err() {
            return Err(invalid("id must have 1 to 255 bytes without NUL"));
        }
        let password = StoredHash::parse(&self.password);
        let password = password.ok_or_else(|| invalid("password is no argon2id hash in PHC format"))?;
        let mailboxes = self.mailboxes.iter().map(|text| text.parse()).collect::<Result<_, _>>();
        let mailboxes = mailboxes.map_err(|_| invalid("a mailbox has 64 lowercase hexadecimal digits"))?;
        Ok(User { name, id: self.id, password, mailboxes })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HASH: &str =
        "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$RdescudvJCsgt3ub+b4dWRWJTmaaJObG2tkXXdaUbJw";

    fn file(users: &[(&str, &str, &str)]) -> String {
        let mailbox = |digit: &str| if digit.is_empty() { vec![] } else { vec![digit.repeat(64)] };
        let users: Vec<_> = users
            .iter()
            .map(|(name, id, digit)| {
                serde_json::json!({ "name": name, "id": id, "password": HASH, "mailboxes": mailbox(digit) })
            })
            .collect();
        serde_json::json!({ "version": 1, "users": users }).to_string()
    }

    #[test]
    fn file_round_trips() {
        let users = Users::parse(&file(&[("anna", "1", "a"), ("Ben", "2", "")])).unwrap();
        let ben = users.named(&"BEN".parse().unwrap()).unwrap();
        assert_eq!((ben.name.as_str(), users.with_id("2").map(|user| &user.id)), ("ben", Some(&ben.id)));
        assert_eq!(users.owner_of(&"a".repeat(64).parse().unwrap()).unwrap().id, "1");
        let again = serde_json::to_string(&users.to_document()).unwrap();
        assert_eq!(Users::parse(&again).unwrap().list.len(), 2);
    }

    #[test]
    fn mistakes_are_named_with_their_place_and_without_a_hash() {
        let cases = [
            (file(&[("anna", "1", ""), ("anna", "2", "")]), "users[1]: name or id is taken"),
            (file(&[("anna", "1", ""), ("ben", "1", "")]), "users[1]: name or id is taken"),
            (file(&[("anna", "1", "a"), ("ben", "2", "a")]), "users[1]: a mailbox is that of another user"),
            (file(&[("a b", "1", "")]), "users[0]: a user name has"),
            (file(&[("anna", "", "")]), "users[0]: id must have"),
            (file(&[("anna", "1", "x")]), "users[0]: a mailbox has"),
            (
                file(&[("anna", "1", "")]).replace("argon2id", "argon2i"),
                "users[0]: password is no argon2id hash",
            ),
            ("{\"version\":2,\"users\":[]}".to_owned(), "version 2 of the format"),
            ("{\"version\":1,\n\"user\":[]}".to_owned(), "unknown field `user`, expected"),
        ];
        for (text, expected) in cases {
            let error = Users::parse(&text).err().unwrap();
            assert!(error.starts_with(expected) && !error.contains("c29t"), "{error}");
        }
    }
}
