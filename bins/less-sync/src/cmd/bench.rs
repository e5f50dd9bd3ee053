//! `less-sync bench`

use anyhow::Context as _;
use clap::Args;
use less_sync_bench::{Figures, Scenario, ServerOptions};

use crate::failure::Failure;
use crate::fields::Fields;
use crate::output::Output;
use crate::target::Target;

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    server: ServerOptions,
    #[command(subcommand)]
    scenario: Scenario,
}

/// Measures a scenario and prints its figures.
pub(crate) async fn run(target: &Target, arguments: &Arguments, json: bool) -> Result<(), Failure> {
    let Arguments { server, scenario } = arguments;
    let measured = less_sync_bench::run(scenario, server, &target.url);
    let figures = tokio::task::LocalSet::new().run_until(measured).await?;
    let output = Output::new(json);
    for fields in lines(figures, json) {
        output.write(&fields).context("cannot write the figures")?;
    }
    Ok(())
}

/// Output lines: text has a line per figure, JSON a single object.
fn lines(figures: Figures, json: bool) -> Vec<Fields> {
    let figures = figures.into_entries();
    if json {
        return vec![figures.fold(Fields::new(), |fields, (name, value)| fields.with_named(name, value))];
    }
    figures.map(|(name, value)| Fields::new().with_named(name, value)).collect()
}
