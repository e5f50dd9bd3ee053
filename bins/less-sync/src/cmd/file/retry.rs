//! How often, and after what pause.

use std::time::Duration;

use less_sync_client::FileError;

use crate::report::say;

/// Attempts in a row that may be in vain.
const PATIENCE: u32 = 6;
const FIRST_PAUSE: Duration = Duration::from_millis(250);
/// Of those that the server may ask for, too.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// Attempts at one thing.
#[derive(Debug, Default)]
pub(super) struct Attempts {
    in_vain: u32,
}

impl Attempts {
    /// Whether this is not the first one.
    pub(super) fn is_repeated(&self) -> bool {
        self.in_vain > 0
    }

    /// Something was reached, so patience begins anew.
    pub(super) fn moved(&mut self) {
        self.in_vain = 0;
    }

    /// Waits before the next attempt.
    ///
    /// # Errors
    /// There is none: it was the last, or another one would end in the same way.
    pub(super) async fn again(&mut self, error: FileError) -> Result<(), FileError> {
        self.in_vain += 1;
        if !error.is_transient() || self.in_vain == PATIENCE {
            return Err(error);
        }
        let pause = pause(self.in_vain, error.retry_after());
        say(&format!("{}; next attempt in {:.1} s", with_causes(&error), pause.as_secs_f64()));
        tokio::time::sleep(pause).await;
        Ok(())
    }
}

fn with_causes(error: &FileError) -> String {
    let causes = std::iter::successors(Some(error as &dyn std::error::Error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

fn pause(in_vain: u32, asked: Option<Duration>) -> Duration {
    let usual = FIRST_PAUSE.saturating_mul(1_u32.checked_shl(in_vain.saturating_sub(1)).unwrap_or(u32::MAX));
    asked.unwrap_or_default().max(usual).min(LONGEST_PAUSE)
}

#[cfg(test)]
mod tests {
    use reqwest::StatusCode;

    use super::*;

    fn rejected(status: StatusCode) -> FileError {
        FileError::Rejected { status, error: "x".to_owned(), retry_after: None }
    }

    #[tokio::test(start_paused = true)]
    async fn passing_trouble_is_sat_out_for_a_while_and_other_trouble_is_not() {
        let mut attempts = Attempts::default();
        assert!(!attempts.is_repeated());
        for _ in 1..PATIENCE {
            attempts.again(FileError::Stalled).await.unwrap();
        }
        assert!(attempts.is_repeated());
        assert!(attempts.again(FileError::Stalled).await.is_err());
        attempts.moved();
        assert!(attempts.again(rejected(StatusCode::SERVICE_UNAVAILABLE)).await.is_ok());
        assert!(attempts.again(rejected(StatusCode::FORBIDDEN)).await.is_err());
    }

    #[test]
    fn pauses_grow_and_the_server_has_a_say_up_to_a_point() {
        assert_eq!([1, 2, 3].map(|in_vain| pause(in_vain, None).as_millis()), [250, 500, 1000]);
        assert_eq!(pause(40, None), LONGEST_PAUSE);
        assert_eq!(pause(1, Some(Duration::from_secs(3))), Duration::from_secs(3));
        assert_eq!(pause(1, Some(Duration::from_hours(1))), LONGEST_PAUSE);
    }
}
