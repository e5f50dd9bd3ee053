//! Decrypted records of shared spaces, and changes of files, printed as they arrive.

use std::collections::{BTreeMap, HashSet};

use anyhow::Context as _;
use less_sync_client::crypto::DecryptionError;
use less_sync_client::{
    Auth, Dialer, Event, FileRow, Options, PullItem, RecordRow, TokenProvider as _, Update, Watch,
};
use less_sync_core::{Cursor, Epoch, SpaceId};

use crate::content;
use crate::failure::Failure;
use crate::fields::Fields;
use crate::output::{Output, message};
use crate::shared_space::SharedSpace;
use crate::target::Target;
use crate::token_source::TokenSource;

/// Watched shared spaces of the key directory.
pub(super) struct Reader {
    spaces: BTreeMap<SpaceId, SharedSpace>,
    /// Space of the pull in progress.
    pulled: Option<SpaceId>,
    /// Epochs without a key share for this identity.
    missing: HashSet<(SpaceId, Epoch)>,
    dialer: Dialer,
    tokens: TokenSource,
    output: Output,
}

impl Reader {
    /// Loads those of `spaces` that are in the key directory, and the token source of their identity.
    pub(super) fn new(target: &Target, spaces: &[SpaceId], output: Output) -> Result<Self, Failure> {
        let keys = target.key_directory()?;
        let mut known = BTreeMap::new();
        for space in spaces {
            if let Some(shared) = SharedSpace::find(&keys, *space)? {
                known.insert(*space, shared);
            }
        }
        let tokens = match known.values().next() {
            Some(shared) => target.token_source_of(&shared.identity)?,
            None => target.token_source()?,
        };
        let dialer = target.dialer(Options::default())?;
        Ok(Self { spaces: known, pulled: None, missing: HashSet::new(), dialer, tokens, output })
    }

    pub(super) fn tokens(&self) -> &TokenSource {
        &self.tokens
    }

    /// Subscription to `space`.
    pub(super) fn watch(&self, space: SpaceId) -> Watch {
        self.spaces.get(&space).map_or_else(|| Watch::from(space), SharedSpace::watch)
    }

    /// Prints the decrypted records and the files of an update.
    pub(super) async fn read(&mut self, update: &Update) -> anyhow::Result<()> {
        match update {
            Update::Pulled(PullItem::Begin { space, .. }) => self.pulled = Some(*space),
            Update::Pulled(PullItem::Record(row)) => {
                if let Some(space) = self.pulled {
                    self.show(space, row).await?;
                }
            }
            Update::Event(Event::Sync(sync)) => {
                for row in &sync.records {
                    self.show(sync.space, row).await?;
                }
            }
            Update::Pulled(PullItem::File { cursor, file }) => {
                if let Some(space) = self.pulled {
                    self.show_file(space, *cursor, file)?;
                }
            }
            Update::Event(Event::Files(changed)) => {
                for file in &changed.files {
                    self.show_file(changed.space, changed.cursor, file)?;
                }
            }
            Update::Pulled(_)
            | Update::Event(_)
            | Update::Connected
            | Update::Watching(_)
            | Update::Rejected { .. }
            | Update::Skipped { .. }
            | Update::Interrupted { .. } => {}
        }
        Ok(())
    }

    async fn show(&mut self, space: SpaceId, row: &RecordRow) -> anyhow::Result<()> {
        let Some(shared) = self.spaces.get(&space) else { return Ok(()) };
        let opened = match shared.open(row) {
            Err(DecryptionError::NoKey(epoch)) if self.fetch_key(space, epoch).await => {
                self.spaces.get(&space).map_or(Err(DecryptionError::NoKey(epoch)), |shared| shared.open(row))
            }
            opened => opened,
        };
        match opened {
            Ok(row) => self.output.write(&line(space, &row)).context("cannot write the record")?,
            Err(why) => message(&format!("record {} at {} cannot be decrypted: {why}", row.id, row.cursor)),
        }
        Ok(())
    }

    fn show_file(&self, space: SpaceId, cursor: Cursor, file: &FileRow) -> anyhow::Result<()> {
        let line = Fields::new()
            .with("kind", "file")
            .with("space", space.to_string())
            .with("file", file.id.to_string())
            .with("record", file.record_id.to_string())
            .with("cursor", cursor.get())
            .with_some("size", (!file.deleted).then_some(file.size))
            .with_some("deleted", file.deleted.then_some(true));
        self.output.write(&line).context("cannot write the file")
    }

    /// Fetches an unknown key; returns whether it is known now. A separate connection is needed, because the response to a
    /// call on the watching one may be stuck behind a pull that this reader is consuming.
    async fn fetch_key(&mut self, space: SpaceId, epoch: Epoch) -> bool {
        if self.missing.contains(&(space, epoch)) {
            return false;
        }
        match self.try_fetch_key(space, epoch).await {
            Ok(true) => return true,
            Ok(false) => drop(self.missing.insert((space, epoch))),
            Err(error) => {
                let causes: Vec<String> = error.chain().map(ToString::to_string).collect();
                message(&causes.join(": "));
            }
        }
        false
    }

    async fn try_fetch_key(&mut self, space: SpaceId, epoch: Epoch) -> anyhow::Result<bool> {
        let Some(shared) = self.spaces.get_mut(&space) else { return Ok(false) };
        let token = self.tokens.token().await?;
        let (connection, _events) = self.dialer.dial(Auth::Token(token)).await?;
        let fetched = shared.fetch_key(&connection, epoch).await;
        connection.close().await;
        fetched
    }
}

fn line(space: SpaceId, row: &RecordRow) -> Fields {
    let line = Fields::new()
        .with("kind", "record")
        .with("space", space.to_string())
        .with("record", row.id.to_string())
        .with("cursor", row.cursor.get())
        .with_some("size", row.blob.as_ref().map(bytes::Bytes::len))
        .with_some("deleted", row.is_deleted().then_some(true));
    content::add(line, row)
}
