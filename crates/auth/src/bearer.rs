//! Parsing of the `Authorization` header (auth §11 steps 3 and 4).

/// Request without a usable bearer token. `Display` is the text of the response, whose status is 401.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BearerError {
    /// Missing `Authorization` header.
    #[error("missing authorization")]
    Missing,
    /// Several headers, another scheme, or anything but visible ASCII.
    #[error("invalid authorization header format")]
    InvalidFormat,
}

/// Extracts the token from the values of the request's `Authorization` headers, of which there must be one. The token
/// itself is not verified.
///
/// # Errors
/// [`BearerError`].
pub fn bearer_token<'h>(values: impl IntoIterator<Item = &'h [u8]>) -> Result<&'h str, BearerError> {
    let mut values = values.into_iter();
    let value = values.next().ok_or(BearerError::Missing)?;
    if values.next().is_some() {
        return Err(BearerError::InvalidFormat);
    }
    credentials(value).ok_or(BearerError::InvalidFormat)
}

fn credentials(value: &[u8]) -> Option<&str> {
    let text =
        str::from_utf8(value).ok().filter(|text| text.bytes().all(|byte| matches!(byte, b' '..=b'~')))?;
    let (scheme, token) = text.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_headers_are_not_one() {
        let two: [&[u8]; 2] = [b"Bearer a", b"Bearer a"];
        assert_eq!(bearer_token(two), Err(BearerError::InvalidFormat));
    }

    #[test]
    fn only_visible_ascii_is_read() {
        for value in
            [&b"Bearer \xff"[..], "Bearer é".as_bytes(), b"Bearer a\tb", b"Bearer\ta", b"Bearer a\x7f"]
        {
            assert_eq!(bearer_token([value]), Err(BearerError::InvalidFormat));
        }
    }
}
