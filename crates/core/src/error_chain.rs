//! Display of an error together with its sources.

use std::error::Error;
use std::fmt;

/// Displays an error and all its sources in one line, outermost first, separated by colons.
///
/// For logs only: a client receives nothing but an error code.
///
/// ```
/// use less_sync_core::ErrorChain;
///
/// # #[derive(Debug)] struct Failed(std::fmt::Error);
/// # impl std::fmt::Display for Failed {
/// #     fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result { f.write_str("nothing was written") }
/// # }
/// # impl std::error::Error for Failed {
/// #     fn source(&self) -> Option<&(dyn std::error::Error + 'static)> { Some(&self.0) }
/// # }
/// let error = Failed(std::fmt::Error);
/// let line = ErrorChain(&error).to_string();
/// assert_eq!(line, "nothing was written: an error occurred when formatting an argument");
/// ```
#[derive(Clone, Copy, Debug)]
pub struct ErrorChain<'e>(pub &'e dyn Error);

impl fmt::Display for ErrorChain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut cause = self.0.source();
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}
