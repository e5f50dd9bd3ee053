//! `create`: writes the files of a new migration.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::Path;

use anyhow::{Context as _, anyhow};

use super::arguments::CreateArguments;
use super::output;
use crate::exit_error::ExitError;

pub(super) fn run(arguments: &CreateArguments) -> Result<(), ExitError> {
    let CreateArguments { name, dir } = arguments;
    if !is_name(name) {
        let problem = "expected lower-case letters and digits, words joined by underscores";
        return Err(ExitError::usage(anyhow!("invalid name \"{name}\": {problem}")));
    }
    let version = latest(dir)? + 1;
    let title = name.replace('_', " ");
    for (suffix, text) in [("", format!("-- {title}\n")), (".down", format!("-- back from {title}\n"))] {
        let path = dir.join(format!("{version:03}_{name}{suffix}.sql"));
        write_new(&path, &text)?;
        output::print(&path.display().to_string())?;
    }
    Ok(())
}

fn is_name(name: &str) -> bool {
    let is_word = |word: &str| {
        !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
    };
    name.len() <= 100 && name.split('_').all(is_word)
}

/// Highest version among the files of a directory.
fn latest(directory: &Path) -> anyhow::Result<u32> {
    let cannot_read = || format!("cannot read directory \"{}\"", directory.display());
    let mut latest = 0;
    for entry in fs::read_dir(directory).with_context(cannot_read)? {
        let name = entry.with_context(cannot_read)?.file_name();
        let version = name.to_string_lossy().split_once('_').and_then(|(version, _)| version.parse().ok());
        latest = latest.max(version.unwrap_or(0));
    }
    Ok(latest)
}

fn write_new(path: &Path, text: &str) -> anyhow::Result<()> {
    let file = OpenOptions::new().write(true).create_new(true).open(path);
    file.and_then(|mut file| file.write_all(text.as_bytes()))
        .with_context(|| format!("cannot write \"{}\"", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_words_with_underscores_between_them() {
        for name in ["a", "epoch_keys", "phase1", "a_1"] {
            assert!(is_name(name), "{name}");
        }
        for name in ["", "_", "a__b", "a_", "Epoch", "a b", "../a", "a.down", "ä"] {
            assert!(!is_name(name), "{name}");
        }
    }
}
