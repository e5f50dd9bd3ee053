//! What never changes about a space, so that authorization need not ask for it again (storage P19).

use std::collections::HashMap;
use std::time::{Duration, Instant};

use less_sync_auth::RootKey;
use less_sync_core::SpaceId;
use parking_lot::RwLock;

/// How a space is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Opening {
    /// By the token of its owner, and by nothing else. Also a shared space whose key is no point on the curve: no chain
    /// ends there.
    Personal,
    /// By chains that end at this key.
    Chain(RootKey),
}

/// Spaces that were looked up lately. Two generations, so that it forgets the older half when it is full.
#[derive(Default)]
pub(crate) struct KnownSpaces(RwLock<Generations>);

#[derive(Default)]
struct Generations {
    young: HashMap<SpaceId, Known>,
    old: HashMap<SpaceId, Known>,
}

#[derive(Clone, Copy)]
struct Known {
    opening: Opening,
    since: Instant,
}

impl KnownSpaces {
    /// Spaces per generation; two of them stay below 10 MiB.
    const GENERATION: usize = 32_768;

    /// How long a space is believed to be where it was: an operator may give an empty one another home.
    const LIFETIME: Duration = Duration::from_mins(1);

    pub(crate) fn get(&self, space: SpaceId, now: Instant) -> Option<Opening> {
        let generations = self.0.read();
        let known = generations.young.get(&space).or_else(|| generations.old.get(&space))?;
        (now.saturating_duration_since(known.since) < Self::LIFETIME).then_some(known.opening)
    }

    pub(crate) fn remember(&self, space: SpaceId, opening: Opening, now: Instant) {
        let mut generations = self.0.write();
        if generations.young.len() >= Self::GENERATION {
            generations.old = std::mem::take(&mut generations.young);
        }
        generations.young.insert(space, Known { opening, since: now });
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "an Instant can only be had from the system")]
mod tests {
    use super::*;

    fn space(number: u128) -> SpaceId {
        SpaceId::from_bytes(number.to_be_bytes())
    }

    #[test]
    fn space_is_known_for_a_minute() {
        let (known, now) = (KnownSpaces::default(), Instant::now());
        assert_eq!(known.get(space(1), now), None);
        known.remember(space(1), Opening::Personal, now);
        assert_eq!(known.get(space(1), now + Duration::from_millis(59_999)), Some(Opening::Personal));
        assert_eq!(known.get(space(1), now + Duration::from_mins(1)), None);
    }

    #[test]
    fn memory_is_bounded_and_the_newer_half_stays() {
        let (known, now) = (KnownSpaces::default(), Instant::now());
        let per_generation = KnownSpaces::GENERATION as u128;
        for number in 0..=2 * per_generation {
            known.remember(space(number), Opening::Personal, now);
        }
        assert_eq!(known.get(space(0), now), None);
        assert!(known.get(space(per_generation + 1), now).is_some());
        let generations = known.0.read();
        assert!(generations.young.len() + generations.old.len() <= 2 * KnownSpaces::GENERATION);
    }
}
