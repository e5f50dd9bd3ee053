//! Names from claims and params: short texts without a NUL, which every database stores unchanged.

use std::fmt;
use std::str::FromStr;

use crate::limits;

/// Text that is not a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidName {
    /// Empty text.
    #[error("name is empty")]
    Empty,
    /// More than [`limits::NAME`] bytes.
    #[error("name is longer than {} bytes", limits::NAME)]
    TooLong,
    /// Text with a NUL, which PostgreSQL does not store and which separates the parts of derived ids.
    #[error("name contains a NUL")]
    Nul,
}

/// Checks length and characters of a name.
pub(crate) fn check(text: &str) -> Result<(), InvalidName> {
    match text {
        "" => Err(InvalidName::Empty),
        text if text.len() > limits::NAME => Err(InvalidName::TooLong),
        text if text.contains('\0') => Err(InvalidName::Nul),
        _ => Ok(()),
    }
}

macro_rules! name {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(Box<str>);

        impl $name {
            /// Text of the name: 1 to [`limits::NAME`] bytes without a NUL.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = InvalidName;

            fn from_str(text: &str) -> Result<Self, InvalidName> {
                check(text).map(|()| Self(text.into()))
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidName;

            fn try_from(text: String) -> Result<Self, InvalidName> {
                check(&text).map(|()| Self(text.into()))
            }
        }

        impl fmt::Debug for $name {
            /// Writes the type name only: the value stays out of logs.
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "([redacted])"))
            }
        }
    };
}

name! {
    /// User within an issuer: the claim `sub`. Compared byte by byte. Never stored and never logged.
    UserId
}

name! {
    /// OAuth client of an app: the claim `client_id`. Compared byte by byte. Stored with the spaces that the app creates,
    /// never logged.
    ClientId
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_one_to_255_bytes_and_no_nul() {
        for (text, expected) in [
            ("c".to_owned(), Ok(())),
            ("c".repeat(255), Ok(())),
            ("é".repeat(127), Ok(())),
            (String::new(), Err(InvalidName::Empty)),
            ("c".repeat(256), Err(InvalidName::TooLong)),
            ("é".repeat(128), Err(InvalidName::TooLong)),
            ("\0".to_owned(), Err(InvalidName::Nul)),
            ("a\0b".to_owned(), Err(InvalidName::Nul)),
        ] {
            let unchanged = |name: &str| assert_eq!(name, text);
            assert_eq!(text.parse::<ClientId>().map(|name| unchanged(name.as_str())), expected, "{text:?}");
            assert_eq!(
                UserId::try_from(text.clone()).map(|name| unchanged(name.as_str())),
                expected,
                "{text:?}"
            );
        }
    }

    #[test]
    fn debug_redacts_the_value() {
        let client: ClientId = "client-1".parse().unwrap();
        assert_eq!(format!("{client:?}"), "ClientId([redacted])");
    }
}
