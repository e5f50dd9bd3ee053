//! Bound of the requests with which a stream goes on after a gap.

use less_sync_engine::HomeError;

/// Gaps in a row without a new row: more of them are no progress.
const WITHOUT_PROGRESS: u32 = 8;

/// Gaps in a stream of a home server that cannot cancel: it sends the rest of the space every time.
const UNCANCELLABLE: u32 = 16;

/// Gaps of one stream so far.
#[derive(Debug, Default)]
pub(super) struct Resumptions {
    without_progress: u32,
    uncancellable: u32,
}

impl Resumptions {
    /// Takes note of a new row.
    pub(super) fn progress(&mut self) {
        self.without_progress = 0;
    }

    /// Takes note of a gap.
    ///
    /// # Errors
    /// [`HomeError`] of a stream that will not come to its end.
    pub(super) fn gap(&mut self, is_cancellable: bool) -> Result<(), HomeError> {
        self.without_progress += 1;
        self.uncancellable += u32::from(!is_cancellable);
        if self.without_progress > WITHOUT_PROGRESS {
            return Err(HomeError::Unavailable);
        }
        if self.uncancellable > UNCANCELLABLE { Err(HomeError::Busy) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_without_progress_and_of_original_servers_are_bounded() {
        let mut native = Resumptions::default();
        for _ in 0..100 {
            assert_eq!(native.gap(true), Ok(()));
            native.progress();
        }
        assert!((0..WITHOUT_PROGRESS).all(|_| native.gap(true).is_ok()));
        assert_eq!(native.gap(true), Err(HomeError::Unavailable));
        let mut original = Resumptions::default();
        for _ in 0..UNCANCELLABLE {
            assert_eq!(original.gap(false), Ok(()));
            original.progress();
        }
        assert_eq!(original.gap(false), Err(HomeError::Busy));
    }
}
