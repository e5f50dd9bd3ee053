//! Time claims: JSON numbers of seconds since 1970, with or without a fraction or an exponent (RFC 7519 §2).

use std::fmt;
use std::time::Duration;

use serde::de::{Deserialize, Deserializer, Error, Unexpected, Visitor};

/// Seconds since the Unix epoch, clamped to the range of the clock. The clock counts whole seconds, so a comparison with it
/// needs no more than the whole seconds on either side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NumericDate {
    floor: i64,
    has_fraction: bool,
}

impl NumericDate {
    /// Last whole second up to this time: a token that expires now is valid until it has passed.
    pub(crate) fn floor(self) -> i64 {
        self.floor
    }

    /// First whole second from this time on, for the begin of a validity.
    pub(crate) fn ceil(self) -> i64 {
        self.floor.saturating_add(i64::from(self.has_fraction))
    }
}

impl<'de> Deserialize<'de> for NumericDate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NumberVisitor)
    }
}

struct NumberVisitor;

impl Visitor<'_> for NumberVisitor {
    type Value = NumericDate;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number of seconds")
    }

    fn visit_i64<E>(self, seconds: i64) -> Result<NumericDate, E> {
        Ok(NumericDate { floor: seconds, has_fraction: false })
    }

    fn visit_u64<E: Error>(self, seconds: u64) -> Result<NumericDate, E> {
        self.visit_i64(i64::try_from(seconds).unwrap_or(i64::MAX))
    }

    fn visit_f64<E: Error>(self, seconds: f64) -> Result<NumericDate, E> {
        if !seconds.is_finite() {
            return Err(E::invalid_value(Unexpected::Float(seconds), &self));
        }
        let (whole, has_fraction) = match Duration::try_from_secs_f64(seconds.abs()) {
            Ok(distance) => {
                (i64::try_from(distance.as_secs()).unwrap_or(i64::MAX), distance.subsec_nanos() > 0)
            }
            Err(_) => (i64::MAX, false),
        };
        let floor = if seconds < 0.0 { -whole - i64::from(has_fraction) } else { whole };
        Ok(NumericDate { floor, has_fraction })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Option<(i64, i64)> {
        serde_json::from_str::<NumericDate>(text).ok().map(|date| (date.floor(), date.ceil()))
    }

    #[test]
    fn every_json_number_is_a_time() {
        for (text, floor, ceil) in [
            ("0", 0, 0),
            ("1767225600", 1_767_225_600, 1_767_225_600),
            ("1767225600.0", 1_767_225_600, 1_767_225_600),
            ("1767225600.25", 1_767_225_600, 1_767_225_601),
            ("1.7672256e9", 1_767_225_600, 1_767_225_600),
            ("17672256E+2", 1_767_225_600, 1_767_225_600),
            ("17672256001e-1", 1_767_225_600, 1_767_225_601),
            ("-1", -1, -1),
            ("-0.5", -1, 0),
            ("-0.0", 0, 0),
            ("18446744073709551615", i64::MAX, i64::MAX),
            ("1e300", i64::MAX, i64::MAX),
            ("-1e300", -i64::MAX, -i64::MAX),
        ] {
            assert_eq!(parse(text), Some((floor, ceil)), "{text}");
        }
    }

    #[test]
    fn other_values_are_no_time() {
        for text in ["\"1767225600\"", "null", "true", "[1]", "{}", "1e999", "01", "1.", ".5", "+1"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
