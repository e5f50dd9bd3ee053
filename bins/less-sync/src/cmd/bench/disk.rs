//! What the disk can do, so that figures of durable writes can be read.

use std::io::{Seek as _, SeekFrom, Write as _};
use std::path::Path;

use anyhow::Context as _;

use super::figures::Latencies;
use crate::clock;

const WRITES: usize = 200;
const BLOCK: [u8; 4096] = [0x5a; 4096];

/// Writes a block and waits until it is durable, again and again, where the server keeps its data.
pub(super) fn probe(directory: &Path) -> anyhow::Result<Latencies> {
    let mut latencies = Latencies::new()?;
    let mut file = tempfile::tempfile_in(directory).context("cannot probe the disk")?;
    for _ in 0..WRITES {
        let began = clock::instant();
        file.seek(SeekFrom::Start(0))?;
        file.write_all(&BLOCK)?;
        file.sync_data()?;
        latencies.record(began.elapsed());
    }
    Ok(latencies)
}
