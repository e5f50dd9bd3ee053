//! Range requests (http §7.5, RFC 9110 §14).

use std::ops::Range;

use http::header::{IF_RANGE, RANGE};
use http::{HeaderMap, HeaderValue};

/// Selected part of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Selected {
    /// The whole file: no range requested, or one that is ignored.
    Whole,
    /// Part of the file, not empty.
    Part(Range<u64>),
    /// No part: the range begins beyond the end.
    Unsatisfiable,
}

/// Part of a file of `size` bytes with the tag `etag` that the request selects.
pub(super) fn select(headers: &HeaderMap, size: u64, etag: &HeaderValue) -> Selected {
    let mut lines = headers.get_all(RANGE).iter();
    let (Some(range), None) = (lines.next(), lines.next()) else { return Selected::Whole };
    // A date never equals the tag of a file, so the whole file is sent.
    if headers.get(IF_RANGE).is_some_and(|condition| condition != etag) {
        return Selected::Whole;
    }
    range.to_str().ok().and_then(parse).map_or(Selected::Whole, |spec| spec.within(size))
}

/// Range as requested.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum RangeSpec {
    From { first: u64, last: Option<u64> },
    Suffix(u64),
}

/// Parses one range in bytes; several ranges, other units and malformed ones are ignored.
fn parse(text: &str) -> Option<RangeSpec> {
    let (unit, range) = text.split_once('=')?;
    if !unit.eq_ignore_ascii_case("bytes") {
        return None;
    }
    match range.trim().split_once('-')? {
        ("", suffix) => Some(RangeSpec::Suffix(number(suffix)?)),
        (first, "") => Some(RangeSpec::From { first: number(first)?, last: None }),
        (first, last) => {
            let (first, last) = (number(first)?, number(last)?);
            (first <= last).then_some(RangeSpec::From { first, last: Some(last) })
        }
    }
}

/// Parses digits; a number above `u64` saturates, since no file has that many bytes.
fn number(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().unwrap_or(u64::MAX))
}

impl RangeSpec {
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
    fn other_ranges_are_ignored() {
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
    fn failed_condition_and_repeated_headers_select_the_whole_file() {
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
