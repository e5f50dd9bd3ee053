//! Text forms of numbers for people: sizes, ages, times, rates.

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// Size with a binary unit, such as `1.5 MiB`.
pub(crate) fn bytes(bytes: f64) -> String {
    scaled(bytes, 1024.0, &["B", "KiB", "MiB", "GiB", "TiB", "PiB"], " ")
}

/// Number with a decimal unit, such as `12.3k`.
pub(crate) fn count(number: f64) -> String {
    scaled(number, 1000.0, &["", "k", "M", "G", "T"], "")
}

fn scaled(number: f64, step: f64, units: &[&str], gap: &str) -> String {
    let (mut number, mut unit) = (number, 0);
    while number >= step && unit + 1 < units.len() {
        number /= step;
        unit += 1;
    }
    let name = units.get(unit).copied().unwrap_or_default();
    let digits = usize::from(unit > 0 && number < 100.0 || number.fract() != 0.0 && number < 10.0);
    format!("{number:.digits$}{gap}{name}").trim_end().to_owned()
}

/// Duration in its two largest units, such as `3m12s`.
pub(crate) fn age(seconds: f64) -> String {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturates")]
    let seconds = seconds.max(0.0) as u64;
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3600 => format!("{}m{:02}s", seconds / 60, seconds % 60),
        3600..86400 => format!("{}h{:02}m", seconds / 3600, seconds / 60 % 60),
        _ => format!("{}d{:02}h", seconds / 86400, seconds / 3600 % 24),
    }
}

/// Duration with the unit that fits, such as `2.5ms`.
pub(crate) fn duration(seconds: f64) -> String {
    if seconds < 1.0 { format!("{:.1}ms", seconds * 1000.0) } else { format!("{seconds:.1}s") }
}

/// Unix time in milliseconds as RFC 3339, in seconds.
pub(crate) fn time(millis: i64) -> String {
    let time = OffsetDateTime::from_unix_timestamp(millis.div_euclid(1000)).ok();
    time.and_then(|time| time.format(&Rfc3339).ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_binary_units() {
        assert_eq!((bytes(0.0), bytes(1023.0)), ("0 B".to_owned(), "1023 B".to_owned()));
        assert_eq!((bytes(1536.0), bytes(300.0 * 1024.0)), ("1.5 KiB".to_owned(), "300 KiB".to_owned()));
    }

    #[test]
    fn counts_and_rates_are_short() {
        assert_eq!(
            (count(0.0), count(2.5), count(999.0)),
            ("0".to_owned(), "2.5".to_owned(), "999".to_owned())
        );
        assert_eq!((count(12_345.0), count(1.5e6)), ("12.3k".to_owned(), "1.5M".to_owned()));
    }

    #[test]
    fn ages_have_two_units() {
        let ages = [5.9, 192.0, 7_260.0, 90_000.0].map(age);
        assert_eq!(ages, ["5s", "3m12s", "2h01m", "1d01h"]);
        assert_eq!((duration(0.0025), duration(2.0)), ("2.5ms".to_owned(), "2.0s".to_owned()));
    }

    #[test]
    fn times_are_in_utc() {
        assert_eq!(time(1_700_000_000_123), "2023-11-14T22:13:20Z");
    }
}
