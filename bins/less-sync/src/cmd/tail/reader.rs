//! What the records of shared spaces say, and which files come and go, as they arrive.

use std::collections::{BTreeMap, HashSet};

use anyhow::Context as _;
use less_sync_client::crypto::Unreadable;
use less_sync_client::{
    Auth, Dialer, Event, FileRow, Options, PullItem, RecordRow, TokenProvider as _, Update, Watch,
};
use less_sync_core::{Cursor, Epoch, SpaceId};

use crate::content;
use crate::line::Line;
use crate::output::Output;
use crate::report::{Failure, say};
use crate::shared::Shared;
use crate::target::Target;
use crate::token_source::TokenSource;

/// The shared spaces that are watched and whose keys we have.
pub(super) struct Reader {
    spaces: BTreeMap<SpaceId, Shared>,
    /// Whose pull is being told.
    pulled: Option<SpaceId>,
    /// Epochs whose key was asked for in vain.
    in_vain: HashSet<(SpaceId, Epoch)>,
    dialer: Dialer,
    tokens: TokenSource,
    output: Output,
}

impl Reader {
    /// Of those of `spaces` that are among the keys; with tokens that fit them.
    pub(super) fn new(target: &Target, spaces: &[SpaceId], output: Output) -> Result<Self, Failure> {
        let keys = target.key_directory()?;
        let mut known = BTreeMap::new();
        for space in spaces {
            if let Some(shared) = Shared::find(&keys, *space)? {
                known.insert(*space, shared);
            }
        }
        let tokens = match known.values().next() {
            Some(shared) => target.token_source_of(&shared.identity)?,
            None => target.token_source()?,
        };
        let dialer = target.dialer(Options::default())?;
        Ok(Self { spaces: known, pulled: None, in_vain: HashSet::new(), dialer, tokens, output })
    }

    pub(super) fn tokens(&self) -> &TokenSource {
        &self.tokens
    }

    /// How `space` is watched.
    pub(super) fn watch(&self, space: SpaceId) -> Watch {
        self.spaces.get(&space).map_or_else(|| Watch::from(space), Shared::watch)
    }

    /// Prints the records of an update, decrypted, and its files.
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
            Err(Unreadable::NoKey(epoch)) if self.learn(space, epoch).await => {
                self.spaces.get(&space).map_or(Err(Unreadable::NoKey(epoch)), |shared| shared.open(row))
            }
            opened => opened,
        };
        match opened {
            Ok(row) => self.output.write(&line(space, &row)).context("cannot write the record")?,
            Err(why) => say(&format!("record {} at {} cannot be decrypted: {why}", row.id, row.cursor)),
        }
        Ok(())
    }

    fn show_file(&self, space: SpaceId, cursor: Cursor, file: &FileRow) -> anyhow::Result<()> {
        let line = Line::new()
            .with("kind", "file")
            .with("space", space.to_string())
            .with("file", file.id.to_string())
            .with("record", file.record_id.to_string())
            .with("cursor", cursor.get())
            .with_some("size", (!file.deleted).then_some(file.size))
            .with_some("deleted", file.deleted.then_some(true));
        self.output.write(&line).context("cannot write the file")
    }

    /// Asks for a key that we have not heard of, on a connection of its own: the one that is watched may be in the
    /// middle of a pull.
    async fn learn(&mut self, space: SpaceId, epoch: Epoch) -> bool {
        if self.in_vain.contains(&(space, epoch)) {
            return false;
        }
        match self.ask(space, epoch).await {
            Ok(true) => return true,
            Ok(false) => drop(self.in_vain.insert((space, epoch))),
            Err(error) => {
                let causes: Vec<String> = error.chain().map(ToString::to_string).collect();
                say(&causes.join(": "));
            }
        }
        false
    }

    async fn ask(&mut self, space: SpaceId, epoch: Epoch) -> anyhow::Result<bool> {
        let Some(shared) = self.spaces.get_mut(&space) else { return Ok(false) };
        let token = self.tokens.token().await?;
        let (connection, _unheard) = self.dialer.dial(Auth::Token(token)).await?;
        let learned = shared.learn(&connection, epoch).await;
        connection.close().await;
        learned
    }
}

fn line(space: SpaceId, row: &RecordRow) -> Line {
    let line = Line::new()
        .with("kind", "record")
        .with("space", space.to_string())
        .with("record", row.id.to_string())
        .with("cursor", row.cursor.get())
        .with_some("size", row.blob.as_ref().map(bytes::Bytes::len))
        .with_some("deleted", row.is_deleted().then_some(true));
    content::shown(line, row)
}
