//! Delays before the next dial, by the outcome of the last one (federation §8.5, §12.2).

use std::time::Duration;

use less_sync_core::close_code;
use less_sync_engine::Random;

use super::dialer::DialFailure;
use super::link::LinkEnd;
use super::timing::OutboundTiming;

/// Longest `Retry-After` that is honoured (federation §12.2).
const MAX_RETRY_AFTER: Duration = Duration::from_mins(10);

/// Delay after a decision of the peer that only an operator changes.
const HALT: Duration = Duration::from_mins(5);

/// Variation of [`HALT`], as a fraction.
const HALT_SPREAD: f64 = 0.2;

/// Delay after an incompatible response.
const INCOMPATIBLE: Duration = Duration::from_mins(10);

/// Longest delay before the first dial after an orderly end.
const SOON: Duration = Duration::from_millis(500);

/// Close codes of peers that this server never sends.
const RESTART: u16 = 1012;
const POW_REQUIRED: u16 = 4004;

/// Class of an outcome, for logs and metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Outcome {
    /// Failure that passes by itself.
    Transient,
    /// Orderly end: restart, lifetime.
    GoingAway,
    /// Federation turned off at the peer.
    Off,
    /// Response that no server of this protocol gives.
    Incompatible,
    /// Rejected signature.
    Unauthorized,
    /// Trust that the peer does not have in this server.
    Untrusted,
    /// Proof of work demanded.
    PowRequired,
    /// Too many links at the peer.
    TooManyLinks,
    /// Link that was read too slowly.
    SlowConsumer,
    /// Requests beyond a quota.
    RateLimited,
    /// Broken protocol.
    ProtocolError,
}

impl Outcome {
    pub(super) const ALL: [Self; 11] = [
        Self::Transient,
        Self::GoingAway,
        Self::Off,
        Self::Incompatible,
        Self::Unauthorized,
        Self::Untrusted,
        Self::PowRequired,
        Self::TooManyLinks,
        Self::SlowConsumer,
        Self::RateLimited,
        Self::ProtocolError,
    ];

    /// Label in logs and metrics.
    pub(super) const fn label(self) -> &'static str {
        match self {
            Self::Transient => "transient",
            Self::GoingAway => "going_away",
            Self::Off => "off",
            Self::Incompatible => "incompatible",
            Self::Unauthorized => "unauthorized",
            Self::Untrusted => "untrusted",
            Self::PowRequired => "pow_required",
            Self::TooManyLinks => "too_many_links",
            Self::SlowConsumer => "slow_consumer",
            Self::RateLimited => "rate_limited",
            Self::ProtocolError => "protocol_error",
        }
    }

    /// Returns true for an outcome that an operator has to act on.
    pub(super) const fn is_alert(self) -> bool {
        matches!(self, Self::Incompatible | Self::Unauthorized | Self::Untrusted | Self::PowRequired)
    }

    /// Returns true when calls fail until a later dial succeeds, and no waiting helps.
    pub(super) const fn is_halt(self) -> bool {
        self.is_alert() || matches!(self, Self::Off)
    }

    /// Class of a failed dial (federation §12.2).
    pub(super) fn of_failure(failure: &DialFailure) -> Self {
        match failure {
            DialFailure::Rejected { status, .. } => match status {
                401 => Self::Unauthorized,
                403 => Self::Untrusted,
                404 => Self::Off,
                428 => Self::PowRequired,
                429 | 500..=599 => Self::Transient,
                _ => Self::Incompatible,
            },
            DialFailure::Forbidden => Self::Incompatible,
            DialFailure::Unreachable(_) => Self::Transient,
        }
    }

    /// Class of the end of a link (federation §8.5). `None`: this server has ended it.
    pub(super) fn of_end(end: &LinkEnd) -> Option<Self> {
        match end {
            LinkEnd::ByUs(_) => None,
            LinkEnd::Lost | LinkEnd::Dead | LinkEnd::TooBig => Some(Self::Transient),
            LinkEnd::Unreadable => Some(Self::ProtocolError),
            LinkEnd::Closed { code, .. } => Some(match *code {
                close_code::GOING_AWAY | RESTART | close_code::TOKEN_EXPIRED => Self::GoingAway,
                close_code::AUTH_FAILED | close_code::FORBIDDEN => Self::Untrusted,
                close_code::TOO_MANY_CONNECTIONS => Self::TooManyLinks,
                POW_REQUIRED => Self::PowRequired,
                close_code::PROTOCOL_ERROR => Self::ProtocolError,
                close_code::SLOW_CONSUMER => Self::SlowConsumer,
                close_code::RATE_LIMITED => Self::RateLimited,
                _ => Self::Transient,
            }),
        }
    }
}

/// Delay before the next dial. `failures`: failures in a row, this one included.
pub(super) fn delay(
    outcome: Outcome,
    failures: u32,
    retry_after: Option<Duration>,
    timing: &OutboundTiming,
    random: &dyn Random,
) -> Duration {
    let fixed = match outcome {
        Outcome::GoingAway if failures <= 1 => SOON.mul_f64(random.fraction()),
        Outcome::GoingAway | Outcome::Transient | Outcome::ProtocolError => backoff(failures, timing, random),
        Outcome::Off | Outcome::Unauthorized | Outcome::Untrusted => random.jittered(HALT, HALT_SPREAD),
        Outcome::Incompatible | Outcome::PowRequired => INCOMPATIBLE,
        Outcome::TooManyLinks => Duration::from_secs(30),
        Outcome::SlowConsumer => Duration::from_secs(1),
        Outcome::RateLimited => Duration::from_mins(1),
    };
    retry_after.map_or(fixed, |after| fixed.max(after.min(MAX_RETRY_AFTER)))
}

/// Exponential interval with full jitter: uniform up to the interval, never below the floor.
fn backoff(failures: u32, timing: &OutboundTiming, random: &dyn Random) -> Duration {
    let factor = 2_u32.saturating_pow(failures.saturating_sub(1));
    let interval = timing.backoff.start().saturating_mul(factor).min(*timing.backoff.end());
    interval.mul_f64(random.fraction()).max(timing.backoff_floor)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rejected(status: u16) -> Outcome {
        Outcome::of_failure(&DialFailure::Rejected { status, retry_after: None, date: None })
    }

    fn closed(code: u16) -> Option<Outcome> {
        Outcome::of_end(&LinkEnd::Closed { code, reason: String::new() })
    }

    fn longest(outcome: Outcome, failures: u32) -> Duration {
        delay(outcome, failures, None, &OutboundTiming::default(), &|| u128::MAX)
    }

    fn shortest(outcome: Outcome, failures: u32) -> Duration {
        delay(outcome, failures, None, &OutboundTiming::default(), &|| 0)
    }

    /// T-041: 1, 2, 4 … 60 s with full jitter and a floor.
    #[test]
    fn t_041_backoff_doubles_up_to_a_minute() {
        for (failures, seconds) in [(1, 1), (2, 2), (3, 4), (6, 32), (7, 60), (40, 60)] {
            assert_eq!(longest(Outcome::Transient, failures).as_millis().div_ceil(1000), seconds);
            assert_eq!(shortest(Outcome::Transient, failures), Duration::from_millis(250));
        }
    }

    /// T-042: failure classes of federation §12.2.
    #[test]
    fn t_042_failed_dials_have_their_classes() {
        for (status, expected) in [
            (400, Outcome::Incompatible),
            (401, Outcome::Unauthorized),
            (403, Outcome::Untrusted),
            (404, Outcome::Off),
            (428, Outcome::PowRequired),
            (429, Outcome::Transient),
            (500, Outcome::Transient),
            (503, Outcome::Transient),
            (200, Outcome::Incompatible),
        ] {
            assert_eq!(rejected(status), expected, "{status}");
        }
        assert_eq!(shortest(Outcome::Unauthorized, 1), Duration::from_mins(4));
        assert_eq!(shortest(Outcome::Incompatible, 1), Duration::from_mins(10));
        let after = |seconds| {
            let after = Some(Duration::from_secs(seconds));
            delay(Outcome::Transient, 1, after, &OutboundTiming::default(), &|| 0)
        };
        assert_eq!((after(5), after(3600)), (Duration::from_secs(5), Duration::from_mins(10)));
    }

    /// T-043: close codes of federation §8.5.
    #[test]
    fn t_043_closed_links_have_their_reactions() {
        for (code, expected) in [
            (1000, Outcome::Transient),
            (1001, Outcome::GoingAway),
            (1009, Outcome::Transient),
            (1012, Outcome::GoingAway),
            (4000, Outcome::Untrusted),
            (4001, Outcome::GoingAway),
            (4002, Outcome::Untrusted),
            (4003, Outcome::TooManyLinks),
            (4004, Outcome::PowRequired),
            (4005, Outcome::ProtocolError),
            (4006, Outcome::SlowConsumer),
            (4007, Outcome::RateLimited),
        ] {
            assert_eq!(closed(code), Some(expected), "{code}");
        }
        assert!(longest(Outcome::GoingAway, 1) < Duration::from_millis(501));
        assert_eq!(longest(Outcome::TooManyLinks, 9), Duration::from_secs(30));
        assert_eq!(longest(Outcome::SlowConsumer, 9), Duration::from_secs(1));
        assert_eq!(longest(Outcome::RateLimited, 9), Duration::from_mins(1));
    }
}
