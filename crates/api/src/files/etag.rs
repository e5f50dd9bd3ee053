//! Entity tags of files (RFC 9110 §8.8.3): files are immutable, so the id is a strong tag.

use http::header::{AsHeaderName, HeaderMap, HeaderValue};
use less_sync_core::FileId;

use super::request::ascii;

/// Entity tag of `file`.
pub(super) fn etag(file: FileId) -> HeaderValue {
    ascii(&format!("\"{file}\""))
}

/// Matches the header `name`, a list of tags or `*`, against `file`; `None` without the header. With `weak`, weak tags match
/// too.
pub(super) fn matches(
    headers: &HeaderMap,
    name: impl AsHeaderName,
    file: FileId,
    weak: bool,
) -> Option<bool> {
    let mut lines = headers.get_all(name).iter().peekable();
    lines.peek()?;
    let wanted = format!("\"{file}\"");
    let is_match =
        |tag: &str| tag == "*" || tag == wanted || (weak && tag.strip_prefix("W/") == Some(&wanted));
    Some(lines.any(|line| line.to_str().is_ok_and(|line| line.split(',').map(str::trim).any(is_match))))
}

#[cfg(test)]
mod tests {
    use http::header::IF_MATCH;

    use super::*;

    #[test]
    fn lists_stars_and_weak_tags_are_compared() {
        let file = FileId::from_bytes([7; 16]);
        let tag = etag(file).to_str().unwrap().to_owned();
        let matched = |value: &str, weak| {
            let headers = HeaderMap::from_iter([(IF_MATCH, HeaderValue::from_str(value).unwrap())]);
            matches(&headers, IF_MATCH, file, weak).unwrap()
        };
        assert!(matched(&tag, false));
        assert!(matched(&format!("\"other\", {tag}"), false));
        assert!(matched("*", false));
        assert!(matched(&format!("W/{tag}"), true));
        assert!(!matched(&format!("W/{tag}"), false));
        assert!(!matched("\"other\"", true));
        assert!(!matched("", true));
        assert_eq!(matches(&HeaderMap::new(), IF_MATCH, file, true), None);
    }
}
