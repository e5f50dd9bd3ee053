//! Which part of a file a request asks for (http §7.5, RFC 9110 §14).

use std::ops::Range;

use http::header::{IF_RANGE, RANGE};
use http::{HeaderMap, HeaderValue};

/// What to send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Selected {
    /// All of it: no range was asked for, or none that is understood.
    Whole,
    /// This part, which is not empty.
    Part(Range<u64>),
    /// Nothing: the range begins beyond the end.
    Unsatisfiable,
}

/// What of a file of `size` bytes with this tag the head asks for.
pub(super) fn select(headers: &HeaderMap, size: u64, etag: &HeaderValue) -> Selected {
    let mut lines = headers.get_all(RANGE).iter();
    let (Some(range), None) = (lines.next(), lines.next()) else { return Selected::Whole };
    // A date can never be the tag of a file; then everything is sent.
    if headers.get(IF_RANGE).is_some_and(|condition| condition != etag) {
        return Selected::Whole;
    }
    range.to_str().ok().and_then(parse).map_or(Selected::Whole, |asked| asked.within(size))
}

/// A range as it was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asked {
    From { first: u64, last: Option<u64> },
    Suffix(u64),
}

/// One range in bytes; several, other units and nonsense are none.
fn parse(text: &str) -> Option<Asked> {
    let (unit, range) = text.split_once('=')?;
    if !unit.eq_ignore_ascii_case("bytes") {
        return None;
    }
    match range.trim().split_once('-')? {
        ("", suffix) => Some(Asked::Suffix(number(suffix)?)),
        (first, "") => Some(Asked::From { first: number(first)?, last: None }),
        (first, last) => {
            let (first, last) = (number(first)?, number(last)?);
            (first <= last).then_some(Asked::From { first, last: Some(last) })
        }
    }
}

/// Digits only; what no file can have bytes for is as good as the largest number.
fn number(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().unwrap_or(u64::MAX))
}

impl Asked {
    fn within(self, size: u64) -> Selected {
        let (start, end) = match self {
            Self::From { first, last } => (first, last.map_or(size, |last| last.saturating_add(1).min(size))),
            Self::Suffix(length) => (size.saturating_sub(length), size),
        };
        if start < end { Selected::Part(start..end) } else { Selected::Unsatisfiable }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TAG: HeaderValue = HeaderValue::from_static("\"tag\"");

    fn selected(range: &str, size: u64) -> Selected {
        select(&HeaderMap::from_iter([(RANGE, HeaderValue::from_str(range).unwrap())]), size, &TAG)
    }

    /// H7: every range of every small file against the bytes that a reader of RFC 9110 would pick one by one.
    #[test]
    fn ranges_select_what_the_rfc_says() {
        for size in 0..6_u64 {
            for first in 0..8_u64 {
                let picked = |from: u64, to: u64| match (from..=to)
                    .filter(|byte| *byte < size)
                    .collect::<Vec<_>>()[..]
                {
                    [] => Selected::Unsatisfiable,
                    [start, .., last] => Selected::Part(start..last + 1),
                    [only] => Selected::Part(only..only + 1),
                };
                assert_eq!(
                    selected(&format!("bytes={first}-"), size),
                    picked(first, 100),
                    "{first}- of {size}"
                );
                for last in first..8 {
                    let text = format!("bytes={first}-{last}");
                    assert_eq!(selected(&text, size), picked(first, last), "{text} of {size}");
                }
                let suffix = format!("bytes=-{first}");
                let expected = if first == 0 {
                    Selected::Unsatisfiable
                } else {
                    picked(size.saturating_sub(first), 100)
                };
                assert_eq!(selected(&suffix, size), expected, "{suffix} of {size}");
            }
        }
    }

    #[test]
    fn what_is_not_understood_is_ignored() {
        for text in [
            "",
            "bytes",
            "bytes=",
            "bytes=-",
            "bytes=a-b",
            "bytes=2-1",
            "bytes=0-1,3-4",
            "bytes=+1-2",
            "bytes=1--2",
            "bytes 0-1",
            "items=0-1",
            "bytes=0x1-2",
            "bytes=0 - 1",
        ] {
            assert_eq!(selected(text, 10), Selected::Whole, "{text}");
        }
    }

    #[test]
    fn huge_numbers_are_beyond_every_file() {
        let huge = "99999999999999999999999999";
        assert_eq!(selected(&format!("bytes={huge}-"), 10), Selected::Unsatisfiable);
        assert_eq!(selected(&format!("bytes=3-{huge}"), 10), Selected::Part(3..10));
        assert_eq!(selected(&format!("bytes=-{huge}"), 10), Selected::Part(0..10));
        assert_eq!(selected(&format!("bytes=0-{}", u64::MAX), 10), Selected::Part(0..10));
    }

    #[test]
    fn units_are_compared_without_case() {
        assert_eq!(selected("Bytes=1-2", 10), Selected::Part(1..3));
    }

    #[test]
    fn condition_that_fails_and_repeated_headers_select_everything() {
        let mut headers = HeaderMap::from_iter([(RANGE, HeaderValue::from_static("bytes=1-2"))]);
        headers.insert(IF_RANGE, TAG);
        assert_eq!(select(&headers, 10, &TAG), Selected::Part(1..3));
        for other in ["\"other\"", "W/\"tag\"", "Sat, 21 Nov 2026 00:00:00 GMT"] {
            headers.insert(IF_RANGE, HeaderValue::from_static(other));
            assert_eq!(select(&headers, 10, &TAG), Selected::Whole, "{other}");
        }
        headers.remove(IF_RANGE);
        headers.append(RANGE, HeaderValue::from_static("bytes=1-2"));
        assert_eq!(select(&headers, 10, &TAG), Selected::Whole);
    }
}
