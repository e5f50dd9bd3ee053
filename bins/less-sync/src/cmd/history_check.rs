//! `less-sync history-check`

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow};
use clap::Args;
use less_sync_history::{Verdict, check};

use crate::failure::Failure;
use crate::fields::Fields;
use crate::output::Output;

#[derive(Debug, Args)]
#[command(
    after_help = "A history has one JSON object per line, as documented by the crate less-sync-history. The exit code is 3 if a violation was found."
)]
pub(crate) struct Arguments {
    /// Files with one history each; - for standard input
    #[arg(required = true)]
    histories: Vec<PathBuf>,
}

/// Prints one line per violation and a summary per history.
pub(crate) fn run(arguments: &Arguments, json: bool) -> Result<(), Failure> {
    let output = Output::new(json);
    let mut violations = 0;
    for path in &arguments.histories {
        let shown = path.display().to_string();
        let verdict = check_file(path).with_context(|| format!("cannot check {shown}"))?;
        violations += verdict.violations.len();
        print(output, &shown, &verdict).context("cannot write the result")?;
    }
    match violations {
        0 => Ok(()),
        1 => Err(Failure::found(anyhow!("1 consistency violation"))),
        more => Err(Failure::found(anyhow!("{more} consistency violations"))),
    }
}

fn check_file(path: &Path) -> anyhow::Result<Verdict> {
    let history: Box<dyn BufRead> = if path == Path::new("-") {
        Box::new(io::stdin().lock())
    } else {
        Box::new(BufReader::new(File::open(path)?))
    };
    Ok(check(history)?)
}

fn print(output: Output, history: &str, verdict: &Verdict) -> io::Result<()> {
    for violation in &verdict.violations {
        let line = Fields::new().with("history", history).with("line", violation.line);
        output.write(&line.with("violation", violation.what.as_str()))?;
    }
    let line = Fields::new()
        .with("history", history)
        .with("acknowledged", verdict.acknowledged)
        .with("rejected", verdict.rejected)
        .with("unknown", verdict.unknown)
        .with("unknown_seen", verdict.unknown_seen)
        .with("pulls", verdict.pulls)
        .with("events", verdict.events);
    output.write(&line.with("violations", verdict.violations.len()))
}
