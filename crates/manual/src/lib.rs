//! Shell completions and manual pages, made from the definition of a command line.
//!
//! Every program has the two commands of [`Manual`]; packages run them when they are built.

use std::io;
use std::path::{Path, PathBuf};

use clap::Subcommand;
use clap_complete::Shell;

/// Commands of a program that describe the program itself.
#[derive(Clone, Debug, Subcommand)]
pub enum Manual {
    /// Print a completion script for a shell
    ///
    /// For bash: `PROGRAM completions bash > ~/.local/share/bash-completion/completions/PROGRAM`
    Completions {
        /// Shell that completes
        shell: Shell,
    },
    /// Write the manual pages of all commands into a directory, which is created if missing
    #[command(hide = true)]
    Man {
        /// Directory of the pages, such as ~/.local/share/man/man1
        directory: PathBuf,
    },
}

impl Manual {
    /// Returns the script of `program` to print, or writes its pages and returns nothing to print.
    ///
    /// # Errors
    /// A file in the directory cannot be written; some pages may have been written then.
    pub fn run(&self, mut program: clap::Command) -> io::Result<Option<String>> {
        match self {
            Self::Completions { shell } => Ok(Some(script(*shell, &mut program))),
            Self::Man { directory } => write_pages(program, directory).map(|()| None),
        }
    }
}

/// Completion script of a program. The generator panics on an output that fails, which a vector never does.
fn script(shell: Shell, program: &mut clap::Command) -> String {
    let name = program.get_name().to_owned();
    let mut script = Vec::new();
    clap_complete::generate(shell, program, name, &mut script);
    String::from_utf8_lossy(&script).into_owned()
}

/// Writes a page for the program and one for each of its visible commands: `PROGRAM.1`, `PROGRAM-COMMAND.1`.
fn write_pages(program: clap::Command, directory: &Path) -> io::Result<()> {
    std::fs::create_dir_all(directory)?;
    clap_mangen::generate_to(program, directory)
}
