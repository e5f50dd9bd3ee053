//! Retries of file requests with exponential back-off.

use std::time::Duration;

use less_sync_client::FileError;

use crate::output::message;

/// Maximum consecutive failed attempts.
const MAX_ATTEMPTS: u32 = 6;
const FIRST_PAUSE: Duration = Duration::from_millis(250);
/// Maximum pause between two attempts, also if the server requests a longer one.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// Retry state of one operation.
#[derive(Debug, Default)]
pub(super) struct Retries {
    failed: u32,
}

impl Retries {
    /// Returns whether an attempt has failed since the last progress.
    pub(super) fn has_failed(&self) -> bool {
        self.failed > 0
    }

    /// Resets the number of attempts after progress.
    pub(super) fn progressed(&mut self) {
        self.failed = 0;
    }

    /// Waits before the next attempt.
    ///
    /// # Errors
    /// Returns `error` if it is not transient, or this was the last attempt.
    pub(super) async fn retry_after(&mut self, error: FileError) -> Result<(), FileError> {
        self.failed += 1;
        if !error.is_transient() || self.failed == MAX_ATTEMPTS {
            return Err(error);
        }
        let pause = pause(self.failed, error.retry_after());
        message(&format!("{}; next attempt in {:.1} s", with_causes(&error), pause.as_secs_f64()));
        tokio::time::sleep(pause).await;
        Ok(())
    }
}

fn with_causes(error: &FileError) -> String {
    let causes = std::iter::successors(Some(error as &dyn std::error::Error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

fn pause(failed: u32, requested: Option<Duration>) -> Duration {
    let backoff = FIRST_PAUSE.saturating_mul(1_u32.checked_shl(failed.saturating_sub(1)).unwrap_or(u32::MAX));
    requested.unwrap_or_default().max(backoff).min(LONGEST_PAUSE)
}

#[cfg(test)]
mod tests {
    use reqwest::StatusCode;

    use super::*;

    fn rejected(status: StatusCode) -> FileError {
        FileError::Rejected { status, error: "x".to_owned(), retry_after: None }
    }

    #[tokio::test(start_paused = true)]
    async fn transient_errors_are_retried_a_bounded_number_of_times_and_others_are_not() {
        let mut retries = Retries::default();
        assert!(!retries.has_failed());
        for _ in 1..MAX_ATTEMPTS {
            retries.retry_after(FileError::Stalled).await.unwrap();
        }
        assert!(retries.has_failed());
        assert!(retries.retry_after(FileError::Stalled).await.is_err());
        retries.progressed();
        assert!(retries.retry_after(rejected(StatusCode::SERVICE_UNAVAILABLE)).await.is_ok());
        assert!(retries.retry_after(rejected(StatusCode::FORBIDDEN)).await.is_err());
    }

    #[test]
    fn pauses_double_and_the_server_may_extend_them_up_to_a_maximum() {
        assert_eq!([1, 2, 3].map(|failed| pause(failed, None).as_millis()), [250, 500, 1000]);
        assert_eq!(pause(40, None), LONGEST_PAUSE);
        assert_eq!(pause(1, Some(Duration::from_secs(3))), Duration::from_secs(3));
        assert_eq!(pause(1, Some(Duration::from_hours(1))), LONGEST_PAUSE);
    }
}
