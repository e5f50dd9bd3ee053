//! Decrypted records, presence and events, and changes of files and members, as they arrive.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, HashSet};

use less_sync_client::crypto::{DecryptionError, Live};
use less_sync_client::{
    Auth, Dialer, Event, Options, PullItem, RecordRow, TokenProvider as _, Update, Watch,
};
use less_sync_core::{Epoch, SpaceId};

use super::shown::Shown;
use crate::failure::Failure;
use crate::output::message;
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
}

impl Reader {
    /// Loads the keys of the named spaces, by default of the personal one, and the token source of their identity.
    pub(super) async fn new(target: &Target, named: &[SpaceId]) -> Result<Self, Failure> {
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
        Ok(Self { spaces, pulled: None, missing: HashSet::new(), dialer, tokens })
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

    /// Names of the watched spaces.
    pub(super) fn names(&self) -> impl Iterator<Item = (SpaceId, String)> {
        self.spaces.iter().map(|(space, keys)| (*space, keys.name()))
    }

    /// Decrypted content of an update, and what else people see of it.
    pub(super) async fn read(&mut self, update: &Update) -> Vec<Shown> {
        let mut shown = Vec::new();
        match update {
            Update::Pulled(PullItem::Begin { space, .. }) => self.pulled = Some(*space),
            Update::Pulled(item) => {
                if let Some(space) = self.pulled {
                    self.read_pulled(space, item, &mut shown).await;
                }
            }
            Update::Watching(state) => {
                for peer in &state.peers {
                    shown.push(self.peer(state.space, Live::Presence, &peer.peer, &peer.data).await);
                }
            }
            Update::Event(event) => self.read_event(event, &mut shown).await,
            Update::Connected
            | Update::Rejected { .. }
            | Update::Skipped { .. }
            | Update::Interrupted { .. } => {}
        }
        shown
    }

    async fn read_pulled(&mut self, space: SpaceId, item: &PullItem, shown: &mut Vec<Shown>) {
        match item {
            PullItem::Record(row) => shown.extend(self.record(space, row).await),
            PullItem::File { cursor, file } => {
                shown.push(Shown::File { space, cursor: *cursor, file: file.clone() });
            }
            PullItem::Membership { cursor, entries } => {
                shown.push(Shown::membership(space, *cursor, entries));
            }
            PullItem::Begin { .. } | PullItem::Commit { .. } => {}
        }
    }

    async fn read_event(&mut self, event: &Event, shown: &mut Vec<Shown>) {
        match event {
            Event::Sync(sync) => {
                for row in &sync.records {
                    shown.extend(self.record(sync.space, row).await);
                }
            }
            Event::Files(changed) => shown.extend(changed.files.iter().map(|file| Shown::File {
                space: changed.space,
                cursor: changed.cursor,
                file: file.clone(),
            })),
            Event::Membership(grown) => {
                shown.push(Shown::membership(grown.space, grown.cursor, &grown.entries));
            }
            Event::Presence(said) => {
                shown.push(self.peer(said.space, Live::Presence, &said.peer, &said.data).await);
            }
            Event::Ephemeral(said) => {
                shown.push(self.peer(said.space, Live::Event, &said.peer, &said.data).await);
            }
            Event::PresenceLeave { space, peer } => {
                shown.push(Shown::Left { space: *space, peer: peer.clone() });
            }
            Event::Revoked { .. }
            | Event::Resubscribe { .. }
            | Event::Invitation
            | Event::Lagged { .. }
            | Event::Unknown { .. } => {}
        }
    }

    async fn record(&mut self, space: SpaceId, row: &RecordRow) -> Option<Shown> {
        let keys = self.spaces.get(&space)?;
        let opened = match open(keys.ring(), row) {
            Err(DecryptionError::NoKey(epoch)) if self.fetch_key(space, epoch).await => {
                let keys = self.spaces.get(&space);
                keys.map_or(Err(DecryptionError::NoKey(epoch)), |keys| open(keys.ring(), row))
            }
            opened => opened,
        };
        let sealed = row.blob.as_ref().map(bytes::Bytes::len);
        match opened {
            Ok(row) => return Some(Shown::Record { space, row, sealed }),
            Err(why) if self.is_foreign(space, why) => {}
            Err(why) => message(&format!("record {} at {} cannot be decrypted: {why}", row.id, row.cursor)),
        }
        None
    }

    /// Presence or event of a peer, with its content if that can be decrypted.
    async fn peer(&mut self, space: SpaceId, kind: Live, peer: &str, data: &[u8]) -> Shown {
        let content = match self.open_live(space, kind, data) {
            Err(DecryptionError::NoKey(epoch)) if self.fetch_key(space, epoch).await => {
                self.open_live(space, kind, data)
            }
            opened => opened,
        };
        Shown::Peer { space, kind, peer: peer.to_owned(), content: content.ok(), sealed: data.len() }
    }

    fn open_live(&self, space: SpaceId, kind: Live, data: &[u8]) -> Result<Vec<u8>, DecryptionError> {
        let keys = self.spaces.get(&space).ok_or(DecryptionError::NotEncrypted)?;
        keys.ring().open_live(kind, data)
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
