//! Bounded ring of the last denied requests, with the rule that decided each (operations §9.1).

use std::borrow::Cow;
use std::collections::VecDeque;

use less_sync_core::{ConnectionId, SpaceId, Timestamp};
use parking_lot::Mutex;

use crate::Rule;

/// Denials that are kept; the oldest one is dropped for a new one.
const KEPT: usize = 1024;

/// Edge that denied a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Edge {
    /// Request on a WebSocket.
    Rpc,
    /// Handshake or upgrade of a WebSocket.
    Handshake,
    /// HTTP request.
    Http,
}

impl Edge {
    /// Name of the edge.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Rpc => "rpc",
            Self::Handshake => "handshake",
            Self::Http => "http",
        }
    }
}

/// Denied request. Contains no user id, token or content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denial {
    /// Time of the response.
    pub at: Timestamp,
    /// Edge that denied the request.
    pub edge: Edge,
    /// Method, or template of the route.
    pub operation: Cow<'static, str>,
    /// Request id, if it is one that is safe to log.
    pub request_id: Option<String>,
    /// Connection of the request; `None` for HTTP.
    pub connection: Option<ConnectionId>,
    /// Keyed hash of the user, with the key of this process; `None` without an accepted token, and for HTTP.
    pub actor: Option<u64>,
    /// Space of the request, if it names one.
    pub space: Option<SpaceId>,
    /// Error code, close code or status that the client received. `skipped` for a space that a pull leaves out.
    pub code: Cow<'static, str>,
    /// Rule that decided.
    pub rule: Rule,
}

/// The last denials of a server.
#[derive(Debug, Default)]
pub struct Denials(Mutex<Ring>);

#[derive(Debug, Default)]
struct Ring {
    denials: VecDeque<Denial>,
    /// Number of denials since the start, which numbers them from 1.
    total: u64,
}

impl Denials {
    /// Adds a denial, in place of the oldest one if the ring is full.
    pub fn add(&self, denial: Denial) {
        let dropped = {
            let mut ring = self.0.lock();
            let dropped = if ring.denials.len() == KEPT { ring.denials.pop_front() } else { None };
            ring.denials.push_back(denial);
            ring.total += 1;
            dropped
        };
        drop(dropped);
    }

    /// Number of denials since the start.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.0.lock().total
    }

    /// Up to `limit` kept denials that match, the newest first, each with its number; of those before the number `before`, if
    /// there is one.
    pub fn newest(
        &self,
        before: Option<u64>,
        limit: usize,
        matches: impl Fn(&Denial) -> bool,
    ) -> Vec<(u64, Denial)> {
        let ring = self.0.lock();
        let numbered = ring.denials.iter().rev().zip((1..=ring.total).rev());
        numbered
            .filter(|(denial, number)| before.is_none_or(|before| *number < before) && matches(denial))
            .take(limit)
            .map(|(denial, number)| (number, denial.clone()))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn denial(millis: i64) -> Denial {
        Denial {
            at: Timestamp::from_millis(millis),
            edge: Edge::Rpc,
            operation: "push".into(),
            request_id: Some(format!("{millis:x}")),
            connection: None,
            actor: None,
            space: None,
            code: "forbidden".into(),
            rule: Rule::NoChain,
        }
    }

    fn numbers(found: &[(u64, Denial)]) -> Vec<u64> {
        found.iter().map(|(number, _)| *number).collect()
    }

    #[test]
    fn newest_denials_come_first_and_pages_continue() {
        let denials = Denials::default();
        (1..=5).for_each(|millis| denials.add(denial(millis)));
        assert_eq!(numbers(&denials.newest(None, 2, |_| true)), [5, 4]);
        assert_eq!(numbers(&denials.newest(Some(4), 9, |_| true)), [3, 2, 1]);
        let found = denials.newest(None, 9, |denial| denial.request_id.as_deref() == Some("2"));
        assert_eq!(numbers(&found), [2]);
    }

    #[test]
    fn ring_keeps_the_last_ones_with_their_numbers() {
        let denials = Denials::default();
        let added = i64::try_from(KEPT).unwrap() + 10;
        (1..=added).for_each(|millis| denials.add(denial(millis)));
        let kept = denials.newest(None, usize::MAX, |_| true);
        assert_eq!((kept.len(), denials.total()), (KEPT, KEPT as u64 + 10));
        assert!(kept.iter().all(|(number, denial)| i64::try_from(*number) == Ok(denial.at.millis())));
    }

    #[test]
    fn names_and_explanations_of_rules_name_the_class() {
        let rule = Rule::Chain(less_sync_auth::ucan::UcanError::Expired);
        assert_eq!(rule.name(), "chain.ucan_expired");
        assert_eq!(rule.explanation(), "UCAN chain: ucan has expired");
    }
}
