//! Failures as findings: the chain of causes on one line, and the next step.

use anyhow::Error;

use crate::advice::next_step;

/// Error with its causes, on one line.
pub(super) fn chain(error: &Error) -> String {
    let mut shown: Vec<String> = Vec::new();
    for cause in error.chain() {
        let text = cause.to_string().replace('\n', " ");
        if shown.last() != Some(&text) {
            shown.push(text);
        }
    }
    shown.join(": ")
}

/// Next step after an error.
pub(super) fn advice(error: &Error) -> String {
    next_step(error).unwrap_or_else(|| "mend the cause, and run the doctor again".to_owned())
}
