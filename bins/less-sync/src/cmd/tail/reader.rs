//! Decrypted records, and changes of files, printed as they arrive.

use std::collections::btree_map::Entry;
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
use crate::space_keys::{PersonalKeys, SpaceKeys, open};
use crate::target::{SpaceArgument, Target, space_or_personal};
use crate::token_source::TokenSource;

/// Keys of the watched spaces.
pub(super) struct Reader {
    /// Spaces of the key directory, and the personal space.
    spaces: BTreeMap<SpaceId, SpaceKeys>,
    /// Space of the pull in progress.
    pulled: Option<SpaceId>,
    /// Epochs without a key share for this identity.
    missing: HashSet<(SpaceId, Epoch)>,
    dialer: Dialer,
    tokens: TokenSource,
    output: Output,
}

impl Reader {
    /// Loads the keys of the named spaces, by default of the personal one, and the token source of their identity.
    pub(super) async fn new(target: &Target, named: &[SpaceId], output: Output) -> Result<Self, Failure> {
        let directory = target.key_directory()?;
        let mut spaces = BTreeMap::new();
        for space in named {
            if let Some(shared) = SharedSpace::find(&directory, *space)? {
                spaces.insert(*space, SpaceKeys::Shared(Box::new(shared)));
            }
        }
        let tokens = match spaces.values().find_map(SpaceKeys::shared) {
            Some(shared) => target.token_source_of(&shared.identity)?,
            None => target.token_source()?,
        };
        let mut watched = named.to_vec();
        if watched.is_empty() {
            let (_, personal) = tokens.token_and_space().await?;
            watched.push(space_or_personal(&SpaceArgument { space: None }, personal)?);
        }
        for space in watched {
            if let Entry::Vacant(entry) = spaces.entry(space) {
                entry.insert(SpaceKeys::Personal(PersonalKeys::load(directory.clone(), space)?));
            }
        }
        let dialer = target.dialer(Options::default())?;
        Ok(Self { spaces, pulled: None, missing: HashSet::new(), dialer, tokens, output })
    }

    /// Subscriptions to the watched spaces.
    pub(super) fn watches(&self) -> impl Iterator<Item = Watch> {
        self.spaces.values().map(|keys| {
            let access = keys.access();
            Watch { ucan: access.ucan.map(str::to_owned), ..Watch::from(access.space) }
        })
    }

    pub(super) fn tokens(&self) -> &TokenSource {
        &self.tokens
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
        let Some(keys) = self.spaces.get(&space) else { return Ok(()) };
        let opened = match open(keys.ring(), row) {
            Err(DecryptionError::NoKey(epoch)) if self.fetch_key(space, epoch).await => {
                let keys = self.spaces.get(&space);
                keys.map_or(Err(DecryptionError::NoKey(epoch)), |keys| open(keys.ring(), row))
            }
            opened => opened,
        };
        match opened {
            Ok(row) => {
                self.output.write(&line(space, &row, self.output)).context("cannot write the record")?;
            }
            Err(why) if self.is_foreign(space, why) => {}
            Err(why) => message(&format!("record {} at {} cannot be decrypted: {why}", row.id, row.cursor)),
        }
        Ok(())
    }

    /// Returns whether a record of a personal space is one of another app, with an encryption of its own: not in the format of
    /// the toolbox, or in a space for which the toolbox has no key.
    fn is_foreign(&self, space: SpaceId, why: DecryptionError) -> bool {
        match self.spaces.get(&space) {
            Some(SpaceKeys::Personal(personal)) => {
                why == DecryptionError::NotEncrypted || personal.ring().newest().is_none()
            }
            Some(SpaceKeys::Shared(_)) | None => false,
        }
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
            // The key of a personal space may still be created or imported.
            Ok(false) if !matches!(self.spaces.get(&space), Some(SpaceKeys::Personal(_))) => {
                self.missing.insert((space, epoch));
            }
            Ok(false) => {}
            Err(error) => {
                let causes: Vec<String> = error.chain().map(ToString::to_string).collect();
                message(&causes.join(": "));
            }
        }
        false
    }

    async fn try_fetch_key(&mut self, space: SpaceId, epoch: Epoch) -> anyhow::Result<bool> {
        match self.spaces.get_mut(&space) {
            None => Ok(false),
            Some(SpaceKeys::Personal(personal)) => {
                // Another command may have created the key meanwhile.
                personal.reload().map_err(Failure::into_error)?;
                Ok(personal.ring().key(epoch).is_ok())
            }
            Some(SpaceKeys::Shared(shared)) => {
                let token = self.tokens.token().await?;
                let (connection, _events) = self.dialer.dial(Auth::Token(token)).await?;
                let fetched = shared.fetch_key(&connection, epoch).await;
                connection.close().await;
                fetched
            }
        }
    }
}

fn line(space: SpaceId, row: &RecordRow, output: Output) -> Fields {
    let line = Fields::new()
        .with("kind", "record")
        .with("space", space.to_string())
        .with("record", row.id.to_string())
        .with("cursor", row.cursor.get())
        .with_some("size", row.blob.as_ref().map(bytes::Bytes::len))
        .with_some("deleted", row.is_deleted().then_some(true));
    content::add(line, row, output)
}
