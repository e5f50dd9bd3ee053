//! List of the objects of a backup: a JSON object per line, ascending by name, read in bounded memory.

use std::collections::HashMap;

use anyhow::{Context as _, anyhow};
use futures_util::StreamExt as _;
use less_sync_storage::{BlobError, BlobReader, ObjectKey};

use super::manifest::FileEntry;

/// Longest line in bytes; an entry has some 250.
const MAX_LINE: usize = 4096;

/// Reader of the lines of a list.
pub(super) struct ObjectLines {
    reader: BlobReader,
    buffer: Vec<u8>,
    is_over: bool,
}

/// An object in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ObjectEntry {
    pub(super) key: ObjectKey,
    pub(super) size: u64,
    pub(super) sha256: String,
}

impl ObjectEntry {
    /// Line of the list.
    pub(super) fn to_line(&self) -> anyhow::Result<String> {
        let entry = FileEntry { name: self.key.to_string(), size: self.size, sha256: self.sha256.clone() };
        Ok(serde_json::to_string(&entry).context("failed to encode an entry of the list of objects")? + "\n")
    }

    fn parse(line: &[u8]) -> anyhow::Result<Self> {
        const INVALID: &str = "list of objects has an invalid line";
        let FileEntry { name, size, sha256 } = serde_json::from_slice(line).context(INVALID)?;
        Ok(Self { key: ObjectKey::parse(&name).context(INVALID)?, size, sha256 })
    }
}

impl ObjectLines {
    pub(super) fn new(reader: BlobReader) -> Self {
        Self { reader, buffer: Vec::new(), is_over: false }
    }

    /// The next object; `None` at the end.
    pub(super) async fn next(&mut self) -> anyhow::Result<Option<ObjectEntry>> {
        loop {
            if let Some(end) = self.buffer.iter().position(|byte| *byte == b'\n') {
                let rest = self.buffer.split_off(end + 1);
                let line = std::mem::replace(&mut self.buffer, rest);
                return ObjectEntry::parse(&line).map(Some);
            }
            if self.is_over {
                return if self.buffer.is_empty() {
                    Ok(None)
                } else {
                    Err(anyhow!("list of objects is cut short"))
                };
            }
            match self.reader.bytes.next().await {
                Some(piece) => self.buffer.extend_from_slice(&piece.map_err(list_error)?),
                None => self.is_over = true,
            }
            if self.buffer.get(..MAX_LINE).is_some_and(|start| !start.contains(&b'\n')) {
                return Err(anyhow!("list of objects has a line that is too long"));
            }
        }
    }

    /// The next objects, at most `limit`.
    pub(super) async fn page(&mut self, limit: usize) -> anyhow::Result<Vec<ObjectEntry>> {
        let mut page = Vec::new();
        while page.len() < limit
            && let Some(entry) = self.next().await?
        {
            page.push(entry);
        }
        Ok(page)
    }
}

fn list_error(error: BlobError) -> anyhow::Error {
    anyhow::Error::new(error).context("cannot read the list of objects")
}

/// Objects of the previous backup in the same place, looked up in ascending order of names.
#[derive(Default)]
pub(super) struct PreviousObjects {
    lines: Option<ObjectLines>,
    /// Entry that was read and belongs to a later page.
    next: Option<ObjectEntry>,
}

impl PreviousObjects {
    pub(super) fn new(lines: ObjectLines) -> Self {
        Self { lines: Some(lines), next: None }
    }

    /// The objects up to a name, by key.
    pub(super) async fn up_to(&mut self, last: &ObjectKey) -> HashMap<ObjectKey, ObjectEntry> {
        let (mut found, last) = (HashMap::new(), last.to_string());
        while let Some(entry) = self.next_entry().await {
            if entry.key.to_string() > last {
                self.next = Some(entry);
                break;
            }
            found.insert(entry.key.clone(), entry);
        }
        found
    }

    /// A list that cannot be read further has no more entries: what it lacks is copied again.
    async fn next_entry(&mut self) -> Option<ObjectEntry> {
        if let Some(entry) = self.next.take() {
            return Some(entry);
        }
        let read = self.lines.as_mut()?.next().await;
        if !matches!(read, Ok(Some(_))) {
            self.lines = None;
        }
        read.ok().flatten()
    }
}
