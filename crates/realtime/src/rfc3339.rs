//! RFC 3339 texts of database times, in UTC (protocol §4.11).

use less_sync_storage::DatabaseTime;

const DAY: i64 = 86_400;

/// `2026-02-14T09:30:00.123456Z`: up to six digits of a second, without zeros at their end.
pub(crate) fn rfc3339(time: DatabaseTime) -> String {
    let (seconds, micros) = (time.micros().div_euclid(1_000_000), time.micros().rem_euclid(1_000_000));
    let (year, month, day) = date(seconds.div_euclid(DAY));
    let second_of_day = seconds.rem_euclid(DAY);
    let (hour, minute, second) = (second_of_day / 3600, second_of_day / 60 % 60, second_of_day % 60);
    let fraction = if micros == 0 { String::new() } else { format!(".{micros:06}") };
    let fraction = fraction.trim_end_matches('0');
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}{fraction}Z")
}

/// Year, month and day of the day that lies `days` after 1970-01-01, in the Gregorian calendar. Counted in years that
/// begin in March, so that the leap day comes last, and in cycles of 400 years, which all have the same length.
fn date(days: i64) -> (i64, i64, i64) {
    const CYCLE: i64 = 146_097;
    /// From March 1st of the year 0 to 1970.
    const OFFSET: i64 = 719_468;
    let (cycle, day) = ((days + OFFSET).div_euclid(CYCLE), (days + OFFSET).rem_euclid(CYCLE));
    let year = (day - day / 1460 + day / 36_524 - day / (CYCLE - 1)) / 365;
    let day_of_year = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day_of_month = day_of_year - (153 * month + 2) / 5 + 1;
    let (month, carry) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    (cycle * 400 + year + carry, month, day_of_month)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_the_form_of_rfc_3339() {
        for (micros, expected) in [
            (0, "1970-01-01T00:00:00Z"),
            (-1, "1969-12-31T23:59:59.999999Z"),
            (951_782_400_000_000, "2000-02-29T00:00:00Z"),
            (1_771_061_400_123_456, "2026-02-14T09:30:00.123456Z"),
            (1_771_061_400_120_000, "2026-02-14T09:30:00.12Z"),
            (1_771_061_400_000_001, "2026-02-14T09:30:00.000001Z"),
            (1_709_251_199_900_000, "2024-02-29T23:59:59.9Z"),
            (4_107_542_400_000_000, "2100-03-01T00:00:00Z"),
            (253_402_300_799_999_999, "9999-12-31T23:59:59.999999Z"),
        ] {
            assert_eq!(rfc3339(DatabaseTime::from_micros(micros)), expected, "{micros}");
        }
    }

    /// Four hundred years, each date the one after the last.
    #[test]
    fn every_day_follows_the_day_before() {
        let is_leap = |year: i64| year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        let length = |year, month| match month {
            2 if is_leap(year) => 29,
            2 => 28,
            4 | 6 | 9 | 11 => 30,
            _ => 31,
        };
        let mut expected = (1970, 1, 1);
        for day in 0..146_097 {
            assert_eq!(date(day), expected, "day {day}");
            let (year, month, day) = expected;
            expected = match (day == length(year, month), month) {
                (false, _) => (year, month, day + 1),
                (true, 12) => (year + 1, 1, 1),
                (true, _) => (year, month + 1, 1),
            };
        }
    }
}
