//! Puts the commit into the version: that of the repository, or `LESS_SYNC_REVISION` for sources without one.

use std::process::Command;

fn main() {
    let given = option_env!("LESS_SYNC_REVISION").filter(|revision| !revision.is_empty());
    let hash = given
        .map(str::to_owned)
        .or_else(|| git(&["rev-parse", "--short=12", "HEAD"]))
        .unwrap_or_else(|| "unknown".to_owned());
    let version = env!("CARGO_PKG_VERSION");
    println!("cargo::rustc-env=LESS_SYNC_VERSION={version} ({hash})");
    // The log of HEAD grows with every commit; without one, a change of the sources has to do.
    match git(&["rev-parse", "--git-path", "logs/HEAD"]) {
        Some(log) if std::path::Path::new(&log).exists() => println!("cargo::rerun-if-changed={log}"),
        _ => println!("cargo::rerun-if-changed=../build.rs"),
    }
}

fn git(arguments: &[&str]) -> Option<String> {
    let output =
        Command::new("git").args(arguments).output().ok().filter(|output| output.status.success())?;
    let text = String::from_utf8(output.stdout).ok()?;
    Some(text.trim().to_owned()).filter(|text| !text.is_empty())
}
