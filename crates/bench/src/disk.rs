//! Latency of durable writes on the disk of the server, the baseline of push figures.

use std::io::{Seek as _, SeekFrom, Write as _};
use std::path::Path;

use anyhow::Context as _;

use crate::clock;
use crate::figures::Latencies;

const WRITES: usize = 200;
const BLOCK: [u8; 4096] = [0x5a; 4096];

/// Writes a 4 KiB block in place and calls `fdatasync`, 200 times, in `directory`.
pub(crate) fn probe(directory: &Path) -> anyhow::Result<Latencies> {
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
