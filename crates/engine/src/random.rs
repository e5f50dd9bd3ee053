//! Randomness as a port: ids and jitter that tests can fix.
//!
//! Secrets are not drawn here; the composition of the process passes them in.

use std::ops::RangeInclusive;
use std::time::Duration;

/// Source of random bits. Any `Fn() -> u128` is one, so a test writes `Arc::new(|| 7)`.
pub trait Random: Send + Sync {
    /// 128 independent random bits. A server must use a cryptographically secure generator: the ids of connections and
    /// invitations must not be predictable.
    fn bits(&self) -> u128;

    /// Bytes of a random UUID (version 4).
    fn uuid(&self) -> [u8; 16] {
        const VERSION: u128 = 0xf << 76;
        const VARIANT: u128 = 0b11 << 62;
        ((self.bits() & !(VERSION | VARIANT)) | (4 << 76) | (0b10 << 62)).to_be_bytes()
    }

    /// A fraction between 0 (inclusive) and 1 (exclusive), with a resolution of 2⁻³².
    fn fraction(&self) -> f64 {
        const STEPS: f64 = 4_294_967_296.0;
        f64::from(u32::try_from(self.bits() >> 96).unwrap_or(u32::MAX)) / STEPS
    }

    /// `length`, shorter or longer by up to `spread` of it (0.2 is 20 %).
    fn jittered(&self, length: Duration, spread: f64) -> Duration {
        length.mul_f64(1.0 + spread * (2.0 * self.fraction() - 1.0))
    }

    /// A duration within `range`.
    fn duration(&self, range: &RangeInclusive<Duration>) -> Duration {
        *range.start() + range.end().saturating_sub(*range.start()).mul_f64(self.fraction())
    }
}

impl<F: Fn() -> u128 + Send + Sync> Random for F {
    fn bits(&self) -> u128 {
        self()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALLEST: fn() -> u128 = || 0;
    const LARGEST: fn() -> u128 = || u128::MAX;
    const HOUR: Duration = Duration::from_hours(1);

    #[test]
    fn uuids_have_version_4_and_keep_all_other_bits() {
        assert_eq!(u128::from_be_bytes(SMALLEST.uuid()), 0x0000_0000_0000_4000_8000_0000_0000_0000);
        assert_eq!(u128::from_be_bytes(LARGEST.uuid()), 0xffff_ffff_ffff_4fff_bfff_ffff_ffff_ffff);
    }

    #[test]
    fn jitter_and_durations_stay_within_their_bounds() {
        assert_eq!(SMALLEST.jittered(HOUR, 0.2), HOUR.mul_f64(0.8));
        let longest = LARGEST.jittered(HOUR, 0.2);
        assert!(longest > HOUR.mul_f64(1.199) && longest < HOUR.mul_f64(1.2), "{longest:?}");
        let middle: fn() -> u128 = || 1 << 127;
        assert_eq!(middle.jittered(HOUR, 0.2), HOUR);
        assert_eq!(middle.duration(&(HOUR..=3 * HOUR)), 2 * HOUR);
        assert_eq!(SMALLEST.duration(&(HOUR..=HOUR)), HOUR);
        assert_eq!(LARGEST.jittered(HOUR, 0.0), HOUR);
    }
}
