//! Texts of usage errors (operations §10.2), each on one line.

use std::process::ExitCode;

use anyhow::anyhow;
use clap::error::{ContextKind, ContextValue, ErrorKind};

use crate::exit_error::{ExitError, end_command_line};

/// Prints help, version or a usage error of the command line, and returns the exit code.
pub(super) fn report(error: &clap::Error) -> ExitCode {
    if let Some(message) = message(error) {
        return ExitError::usage(anyhow!(message)).report();
    }
    end_command_line(error)
}

/// Text of the specification for this error; `None` for others, which the parser describes itself.
fn message(error: &clap::Error) -> Option<String> {
    #[expect(clippy::wildcard_enum_match_arm, reason = "the parser describes the others")]
    match error.kind() {
        ErrorKind::UnknownArgument => {
            Some(format!("unknown argument \"{}\"", context(error, ContextKind::InvalidArg)?))
        }
        ErrorKind::InvalidSubcommand => {
            Some(format!("unknown argument \"{}\"", context(error, ContextKind::InvalidSubcommand)?))
        }
        // An option without its value has an empty invalid value.
        ErrorKind::InvalidValue if context(error, ContextKind::InvalidValue).is_none_or(str::is_empty) => {
            let option = context(error, ContextKind::InvalidArg)?;
            Some(format!("{} requires a value", option.split(' ').next()?))
        }
        _ => None,
    }
}

fn context(error: &clap::Error, kind: ContextKind) -> Option<&str> {
    let ContextValue::String(text) = error.get(kind)? else { return None };
    Some(text)
}
