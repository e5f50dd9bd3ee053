//! Rate limit of failed logins, by network and by user, with bounded memory (operations §17.4).

use std::collections::HashMap;
use std::hash::Hash;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::{Duration, Instant};

/// Attempts of one network: this many at once, and one more after each interval.
const NETWORK: Rate = Rate { burst: 20, interval: Duration::from_secs(10) };
/// Attempts at one user, from all networks. More at once, so that a stranger cannot easily keep a user out.
const USER: Rate = Rate { burst: 60, interval: Duration::from_secs(30) };
/// Maximum entries of each table. Beyond it, all new networks share an entry.
const MAX_ENTRIES: usize = 4096;

/// Failed logins that are remembered. Each attempt counts as failed until it has succeeded, so that concurrent ones cannot
/// exceed the limit.
#[derive(Debug, Default)]
pub(crate) struct Attempts {
    networks: Table<IpAddr>,
    users: Table<String>,
}

/// An attempt under way.
#[derive(Debug)]
pub(crate) struct Attempt {
    network: IpAddr,
    user: Option<String>,
}

#[derive(Clone, Copy, Debug)]
struct Rate {
    burst: u32,
    interval: Duration,
}

/// Time until which the attempts of a key are paid for; an entry of the past says nothing.
#[derive(Debug)]
struct Table<K> {
    paid_until: HashMap<K, Instant>,
    /// Entry of all keys beyond the maximum.
    others: Option<Instant>,
}

impl<K> Default for Table<K> {
    fn default() -> Self {
        Self { paid_until: HashMap::new(), others: None }
    }
}

impl Attempts {
    /// Counts an attempt from `address` at the user with this id, if there is one.
    ///
    /// # Errors
    /// Time after which the next attempt is admitted.
    pub(crate) fn begin(
        &mut self,
        now: Instant,
        address: IpAddr,
        user: Option<&str>,
    ) -> Result<Attempt, Duration> {
        let network = network(address);
        let user = user.map(str::to_owned);
        let mut waits = vec![self.networks.wait(now, &network, NETWORK)];
        waits.extend(user.as_ref().map(|user| self.users.wait(now, user, USER)));
        let wait = waits.into_iter().max().unwrap_or_default();
        if !wait.is_zero() {
            return Err(wait);
        }
        self.networks.charge(now, network, NETWORK);
        if let Some(user) = &user {
            self.users.charge(now, user.clone(), USER);
        }
        Ok(Attempt { network, user })
    }

    /// Takes back the count of an attempt that has succeeded.
    pub(crate) fn succeeded(&mut self, attempt: Attempt) {
        self.networks.refund(&attempt.network, NETWORK);
        if let Some(user) = attempt.user {
            self.users.refund(&user, USER);
        }
    }
}

impl<K: Eq + Hash> Table<K> {
    fn entry(&mut self, key: &K) -> Option<&mut Instant> {
        // A key without an entry in a full table shares that of the others.
        let is_full = self.paid_until.len() >= MAX_ENTRIES;
        self.paid_until.get_mut(key).or(if is_full { self.others.as_mut() } else { None })
    }

    /// Time until an attempt is admitted; zero for now.
    fn wait(&mut self, now: Instant, key: &K, rate: Rate) -> Duration {
        let Some(paid_until) = self.entry(key) else { return Duration::ZERO };
        let admitted = rate.interval * (rate.burst - 1);
        paid_until.saturating_duration_since(now).saturating_sub(admitted)
    }

    fn charge(&mut self, now: Instant, key: K, rate: Rate) {
        if self.paid_until.len() >= MAX_ENTRIES && !self.paid_until.contains_key(&key) {
            self.paid_until.retain(|_, paid_until| *paid_until > now);
        }
        let is_full = self.paid_until.len() >= MAX_ENTRIES && !self.paid_until.contains_key(&key);
        let entry =
            if is_full { self.others.get_or_insert(now) } else { self.paid_until.entry(key).or_insert(now) };
        *entry = (*entry).max(now) + rate.interval;
    }

    fn refund(&mut self, key: &K, rate: Rate) {
        if let Some(entry) = self.entry(key)
            && let Some(earlier) = entry.checked_sub(rate.interval)
        {
            *entry = earlier;
        }
    }
}

/// Network of an address: the address itself for IPv4, the first 64 bits for IPv6, of which one customer has all.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => Ipv4Addr::into(address),
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(number: u32) -> IpAddr {
        IpAddr::V4(Ipv4Addr::from_bits(number))
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "any instant")]
    fn network_has_its_burst_and_then_one_attempt_after_each_interval() {
        let (mut attempts, now) = (Attempts::default(), Instant::now());
        for _ in 0..20 {
            attempts.begin(now, address(1), None).unwrap();
        }
        assert_eq!(attempts.begin(now, address(1), None).unwrap_err(), Duration::from_secs(10));
        attempts.begin(now, address(2), None).unwrap();
        let later = now + Duration::from_secs(10);
        attempts.begin(later, address(1), None).unwrap();
        assert!(attempts.begin(later, address(1), None).is_err());
        attempts.begin(now + Duration::from_hours(1), address(1), None).unwrap();
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "any instant")]
    fn user_is_protected_from_many_networks_and_success_costs_nothing() {
        let (mut attempts, now) = (Attempts::default(), Instant::now());
        for number in 0..60 {
            let attempt = attempts.begin(now, address(number), Some("anna")).unwrap();
            attempts.succeeded(attempt);
        }
        for number in 0..60 {
            attempts.begin(now, address(number), Some("anna")).unwrap();
        }
        assert_eq!(attempts.begin(now, address(99), Some("anna")).unwrap_err(), Duration::from_secs(30));
        attempts.begin(now, address(99), Some("ben")).unwrap();
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "any instant")]
    fn tables_are_bounded_and_what_is_beyond_shares_an_entry() {
        let (mut attempts, now) = (Attempts::default(), Instant::now());
        for number in 0..100_000 {
            let _beyond = attempts.begin(now, address(number), None);
        }
        assert_eq!(attempts.networks.paid_until.len(), MAX_ENTRIES);
        assert!(attempts.begin(now, address(1 << 30), None).is_err(), "all others together");
        attempts.begin(now, address(7), None).unwrap();
        // Entries of the past make room.
        attempts.begin(now + Duration::from_mins(1), address(1 << 30), None).unwrap();
        assert!(attempts.networks.paid_until.len() < MAX_ENTRIES);
    }

    #[test]
    fn addresses_of_one_ipv6_network_count_together() {
        let parse = |text: &str| network(text.parse().unwrap());
        assert_eq!(parse("2001:db8:1:2:3::4"), parse("2001:db8:1:2::"));
        assert_ne!(parse("2001:db8:1:3::"), parse("2001:db8:1:2::"));
        assert_eq!(parse("::ffff:192.0.2.1"), parse("192.0.2.1"));
        assert_ne!(parse("192.0.2.1"), parse("192.0.2.2"));
    }
}
