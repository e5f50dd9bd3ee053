//! Syntax of setting values: switches, counts, sizes and durations (operations §2.1).

use std::ops::RangeInclusive;
use std::time::Duration;

const KIB: u64 = 1024;

/// Parses `true`, `1`, `yes`, `on` and their opposites, in any case.
pub(crate) fn switch(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" | "on" => Some(true),
        "false" | "0" | "no" | "off" => Some(false),
        _ => None,
    }
}

/// Parses decimal digits, without sign or separators.
pub(crate) fn count(text: &str) -> Option<u64> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

/// Parses a size in bytes: an integer, optionally with the suffix `KiB`, `MiB` or `GiB`.
pub(crate) fn size(text: &str) -> Option<u64> {
    let suffixes = [("KiB", KIB), ("MiB", KIB * KIB), ("GiB", KIB * KIB * KIB)];
    scaled(text, &suffixes, 1)
}

/// Parses a duration: an integer of seconds, or one with the suffix `ms`, `s`, `m` or `h`.
pub(crate) fn duration(text: &str) -> Option<Duration> {
    let suffixes = [("ms", 1), ("s", 1000), ("m", 60_000), ("h", 3_600_000)];
    scaled(text, &suffixes, 1000).map(Duration::from_millis)
}

/// Parses two durations with a hyphen between, the shorter one first, or one for both ends.
pub(crate) fn durations(text: &str) -> Option<RangeInclusive<Duration>> {
    let (from, to) = text.split_once('-').unwrap_or((text, text));
    let (from, to) = (duration(from.trim())?, duration(to.trim())?);
    (from <= to).then_some(from..=to)
}

fn scaled(text: &str, suffixes: &[(&str, u64)], plain: u64) -> Option<u64> {
    let recognized = suffixes.iter().find_map(|(suffix, scale)| Some((text.strip_suffix(suffix)?, *scale)));
    let (digits, scale) = recognized.unwrap_or((text, plain));
    count(digits.trim_end())?.checked_mul(scale)
}

/// Formats a size in the syntax of [`size`].
pub(crate) fn show_size(bytes: u64) -> String {
    let suffixes = [("GiB", KIB * KIB * KIB), ("MiB", KIB * KIB), ("KiB", KIB)];
    let exact = suffixes.iter().find(|(_, scale)| bytes >= *scale && bytes.is_multiple_of(*scale));
    exact.map_or_else(|| bytes.to_string(), |(suffix, scale)| format!("{} {suffix}", bytes / scale))
}

/// Formats a duration in the syntax of [`duration`].
pub(crate) fn show_duration(duration: Duration) -> String {
    let millis = duration.as_millis();
    if millis.is_multiple_of(1000) { format!("{}s", millis / 1000) } else { format!("{millis}ms") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn switches_are_words_and_digits_in_any_case() {
        for text in ["true", "TRUE", "1", "yes", "On"] {
            assert_eq!(switch(text), Some(true), "{text}");
        }
        for text in ["false", "0", "No", "OFF"] {
            assert_eq!(switch(text), Some(false), "{text}");
        }
        for text in ["", "maybe", "2", "tru"] {
            assert_eq!(switch(text), None, "{text}");
        }
    }

    #[test]
    fn sizes_are_bytes_or_carry_a_binary_suffix() {
        let cases = [
            ("0", Some(0)),
            ("1048576", Some(1_048_576)),
            ("4KiB", Some(4096)),
            ("5 MiB", Some(5_242_880)),
            ("2GiB", Some(2_147_483_648)),
            ("5MB", None),
            ("5mib", None),
            ("-1", None),
            ("+1", None),
            ("1.5MiB", None),
            ("MiB", None),
            ("99999999999999999999", None),
            ("18446744073709551615KiB", None),
        ];
        for (text, expected) in cases {
            assert_eq!(size(text), expected, "{text}");
        }
    }

    #[test]
    fn durations_are_seconds_or_carry_a_suffix() {
        let cases = [
            ("0", Some(0)),
            ("25", Some(25_000)),
            ("250ms", Some(250)),
            ("5s", Some(5000)),
            ("2m", Some(120_000)),
            ("1h", Some(3_600_000)),
            ("1d", None),
            ("s", None),
            ("", None),
            ("1.5s", None),
            ("5 seconds", None),
        ];
        for (text, expected) in cases {
            assert_eq!(duration(text), expected.map(Duration::from_millis), "{text}");
        }
    }

    #[test]
    fn formatted_values_parse_to_the_same_value() {
        for bytes in [0, 1, 1023, 1024, 5_242_880, 5_242_881, 3_221_225_472] {
            assert_eq!(size(&show_size(bytes)), Some(bytes));
        }
        for millis in [0, 1, 999, 1000, 1500, 3_600_000] {
            let shown = Duration::from_millis(millis);
            assert_eq!(duration(&show_duration(shown)), Some(shown));
        }
    }
}
