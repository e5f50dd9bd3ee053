//! Entity tags (RFC 9110 §8.8.3): a file never changes, so its id is a strong one.

use http::header::{AsHeaderName, HeaderMap, HeaderValue};
use less_sync_core::FileId;

/// The tag of a file.
pub(super) fn etag(file: FileId) -> HeaderValue {
    super::ascii(&format!("\"{file}\""))
}

/// Whether a list of tags, or `*`, matches the file. `None` without the header; a weak tag matches when `weak` ones do.
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
        let judged = |value: &str, weak| {
            let headers = HeaderMap::from_iter([(IF_MATCH, HeaderValue::from_str(value).unwrap())]);
            matches(&headers, IF_MATCH, file, weak).unwrap()
        };
        assert!(judged(&tag, false));
        assert!(judged(&format!("\"other\", {tag}"), false));
        assert!(judged("*", false));
        assert!(judged(&format!("W/{tag}"), true));
        assert!(!judged(&format!("W/{tag}"), false));
        assert!(!judged("\"other\"", true));
        assert!(!judged("", true));
        assert_eq!(matches(&HeaderMap::new(), IF_MATCH, file, true), None);
    }
}
