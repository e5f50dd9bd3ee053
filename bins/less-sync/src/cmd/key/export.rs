//! `less-sync key export`

use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow};
use clap::Args;
use less_sync_disk::create_complete;

use crate::durability::directory_sync;
use crate::failure::Failure;
use crate::fields::Fields;
use crate::output::{Output, message, write_bare};
use crate::target::{SpaceArgument, Target};

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// File to create, readable by you only; - for standard output
    #[arg(value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    space: SpaceArgument,
}

/// Writes the key of the personal space to a new file.
pub(crate) async fn run(target: &Target, arguments: &Arguments, json: bool) -> Result<(), Failure> {
    let directory = target.key_directory()?;
    let space = target.personal_space(&arguments.space).await?;
    let missing = || {
        let path = directory.path().display();
        Failure::usage(anyhow!("there is no key of the space {space} in {path}: the first push creates it"))
    };
    let key = directory.export_personal(space)?.ok_or_else(missing)?;
    if arguments.file == Path::new("-") {
        return Ok(write_bare(&key).context("cannot write the key")?);
    }
    let path = arguments.file.display();
    create(&arguments.file, &key).with_context(|| format!("cannot write {path}"))?;
    let line = Fields::new().with("space", space.to_string()).with("path", path.to_string());
    Output::new(json).write(&line).context("cannot write the result")?;
    message("exported; on the other device: less-sync key import FILE");
    Ok(())
}

/// Creates a file with mode 0600, durably; an existing one stays.
fn create(path: &Path, key: &str) -> std::io::Result<()> {
    create_complete(path, &directory_sync(), |file| writeln!(file, "{key}"))
}
