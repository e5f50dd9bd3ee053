//! `less-sync history-check`

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow};
use clap::Args;
use less_sync_history::{Verdict, check};

use crate::line::Line;
use crate::output::Output;
use crate::report::Failure;

/// Reads histories as less-sync-history describes them, one JSON object per line, and says whether a server may have done
/// what they show. Ends with 3 when it may not.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Files with one history each; - is standard input
    #[arg(required = true)]
    histories: Vec<PathBuf>,
}

/// Prints a line per violation, and one for each history.
pub(crate) fn run(arguments: &Arguments, json: bool) -> Result<(), Failure> {
    let output = Output::new(json);
    let mut violations = 0;
    for path in &arguments.histories {
        let shown = path.display().to_string();
        let verdict = judge(path).with_context(|| format!("{shown} cannot be judged"))?;
        violations += verdict.violations.len();
        print(output, &shown, &verdict).context("cannot write the verdict")?;
    }
    match violations {
        0 => Ok(()),
        1 => Err(Failure::found(anyhow!("a promise was broken"))),
        more => Err(Failure::found(anyhow!("promises were broken {more} times"))),
    }
}

fn judge(path: &Path) -> anyhow::Result<Verdict> {
    let history: Box<dyn BufRead> = if path == Path::new("-") {
        Box::new(io::stdin().lock())
    } else {
        Box::new(BufReader::new(File::open(path)?))
    };
    Ok(check(history)?)
}

fn print(output: Output, history: &str, verdict: &Verdict) -> io::Result<()> {
    for violation in &verdict.violations {
        let line = Line::new().with("history", history).with("line", violation.line);
        output.write(&line.with("violation", violation.what.as_str()))?;
    }
    let line = Line::new()
        .with("history", history)
        .with("acknowledged", verdict.acknowledged)
        .with("rejected", verdict.rejected)
        .with("unknown", verdict.unknown)
        .with("unknown_seen", verdict.unknown_seen)
        .with("pulls", verdict.pulls)
        .with("events", verdict.events);
    output.write(&line.with("violations", verdict.violations.len()))
}
