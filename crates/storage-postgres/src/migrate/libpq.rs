//! Address of a database for the programs of PostgreSQL, which are given no password on their command line.

use std::fmt;

/// Address for `pg_dump` and `pg_restore`.
#[derive(Clone, PartialEq, Eq)]
pub struct LibpqAddress {
    /// URI without a password (`--dbname`).
    pub uri: String,
    /// Password (`PGPASSWORD`); `None` leaves it to the environment and the password file.
    pub password: Option<String>,
}

impl LibpqAddress {
    /// Splits a URI as [`super::DatabaseUrl`] accepts it.
    pub(crate) fn of(url: &str) -> Self {
        let Some((scheme, rest)) = url.split_once("://") else {
            return Self { uri: url.to_owned(), password: None };
        };
        let (address, query) =
            rest.split_once('?').map_or((rest, None), |(address, query)| (address, Some(query)));
        let (authority, path) = address.find('/').map_or((address, ""), |at| address.split_at(at));
        let (user, host) =
            authority.rsplit_once('@').map_or((None, authority), |(user, host)| (Some(user), host));
        let (user, mut password) = match user.map(|user| user.split_once(':').unwrap_or((user, ""))) {
            Some((user, password)) => (Some(user), Some(password)),
            None => (None, None),
        };
        let mut uri = format!("{scheme}://");
        if let Some(user) = user {
            uri.push_str(user);
            uri.push('@');
        }
        uri.push_str(host);
        uri.push_str(path);
        let parameters = query.into_iter().flat_map(|query| query.split('&'));
        let mut separator = '?';
        for parameter in parameters {
            if let Some(value) = parameter.strip_prefix("password=") {
                password = Some(value);
            } else if !parameter.is_empty() {
                uri.push(separator);
                uri.push_str(parameter);
                separator = '&';
            }
        }
        let password = password.filter(|password| !password.is_empty());
        Self { uri, password: password.map(decode) }
    }
}

/// Replaces percent-encoded bytes; what is no encoding stays.
fn decode(text: &str) -> String {
    let digit = |byte: Option<&u8>| byte.and_then(|byte| char::from(*byte).to_digit(16));
    let (bytes, mut decoded, mut at) = (text.as_bytes(), Vec::new(), 0);
    while let Some(&byte) = bytes.get(at) {
        let pair = (digit(bytes.get(at + 1)), digit(bytes.get(at + 2)));
        if let (b'%', (Some(high), Some(low))) = (byte, pair) {
            decoded.push(u8::try_from(high * 16 + low).unwrap_or(byte));
            at += 3;
        } else {
            decoded.push(byte);
            at += 1;
        }
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

impl fmt::Debug for LibpqAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LibpqAddress").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn password_is_taken_out_of_the_uri() {
        for (url, uri, password) in [
            ("postgres://u:p%40%2Fw@h:5433/d", "postgres://u@h:5433/d", Some("p@/w")),
            ("postgres://u@h/d?sslmode=require", "postgres://u@h/d?sslmode=require", None),
            ("postgres://h/d?password=hush&user=u", "postgres://h/d?user=u", Some("hush")),
            ("postgresql://u:p@/d?host=/run/pg", "postgresql://u@/d?host=/run/pg", Some("p")),
            ("postgres://u:@[::1]/d", "postgres://u@[::1]/d", None),
            ("postgres:///d", "postgres:///d", None),
        ] {
            let address = LibpqAddress::of(url);
            assert_eq!((address.uri.as_str(), address.password.as_deref()), (uri, password), "{url}");
        }
    }
}
