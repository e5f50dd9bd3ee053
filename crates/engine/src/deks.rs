//! Data keys of records and files: listing and rewrap for the rotation of a space's key (protocol §4.16–§4.18).

use std::sync::Arc;

use less_sync_auth::rights::Scope;
use less_sync_core::wire::method::Method;
use less_sync_core::{Cursor, DekKind, Did, SpaceId};
use less_sync_storage::{
    AdminGrant, DekListing, DekPosition, DekRejection, FairSemaphore, ReadGrant, Rewrap, RewrapGuard,
    Rewrapped, Storage, StoredDek,
};

use crate::authorize::Admission;
use crate::{Credentials, Engine, EngineError, Presenter, RemoteDekListing, RemoteDeks};

impl Engine {
    /// Begins a listing of the keys of `kind` in `space` above `since`. Nothing is held in the store between pages.
    ///
    /// A caller without the scope for files still gets the listing of a space without files, so that rotations by apps
    /// that use no files come to an end (protocol D-31).
    ///
    /// # Errors
    /// As [`Engine::pull`]; [`EngineError::ScopeMissing`]; as [`less_sync_storage::Deks::begin_deks`].
    pub async fn list_deks(
        &self,
        credentials: Credentials<'_>,
        kind: DekKind,
        space: SpaceId,
        since: Cursor,
    ) -> Result<Listing, EngineError> {
        let missing = missing_scope(credentials.presenter, kind, get_method(kind))?;
        let admission = match self.authorizer.admit(get_method(kind), credentials, space).await {
            Err(EngineError::Remote(home)) => {
                let ucan = credentials.ucan.unwrap_or_default().into();
                let listing = RemoteDekListing { space, kind, since, ucan };
                let rows = home.list_deks(listing).await.map_err(EngineError::Home)?;
                return Ok(Listing { kind, reader: None, source: Source::Remote { rows, missing } });
            }
            other => other?,
        };
        let reader = reader(credentials.presenter, &admission);
        let grant = admission.reading()?;
        let bounds = {
            let _turn = self.page_reads.acquire(grant.access().flow()).await;
            self.storage.begin_deks(&grant, kind, since).await?
        };
        // The bound is fixed before the files are looked for: a file that is added in between lies above the bound, so it
        // is not listed and the waiver may stand.
        self.waive(missing, &grant).await?;
        let stored = StoredListing {
            storage: self.storage.clone(),
            page_reads: self.page_reads.clone(),
            grant,
            bounds,
            next: Some(bounds.start()),
        };
        Ok(Listing { kind, reader, source: Source::Stored(Box::new(stored)) })
    }

    /// Authorizes a rewrap of the keys of `kind` in `space`. Separate from [`Engine::rewrap_deks`] because malformed
    /// entries are reported only to authorized callers. The scope for files is waived as for a listing if there is
    /// `nothing` to rewrap: that is how a rotation ends that has listed nothing.
    ///
    /// # Errors
    /// As [`Engine::pull`]; [`EngineError::ScopeMissing`]; as [`less_sync_storage::Deks::has_files`].
    pub async fn authorize_rewrap(
        &self,
        credentials: Credentials<'_>,
        kind: DekKind,
        space: SpaceId,
        nothing: bool,
    ) -> Result<RewrapRight, EngineError> {
        let missing = missing_scope(credentials.presenter, kind, rewrap_method(kind))?;
        match missing {
            Some(scope) if !nothing => return Err(EngineError::ScopeMissing(scope)),
            Some(_) | None => {}
        }
        let admission = self.authorizer.admit(rewrap_method(kind), credentials, space).await?;
        self.waive(missing, &admission.reading()?).await?;
        let reader = reader(credentials.presenter, &admission);
        Ok(RewrapRight { grant: admission.administering()?, reader })
    }

    /// Replaces keys of `kind`, all or nothing; idempotent. `listed` is the bound of the listing that the caller worked
    /// from, if it is known: newer content keeps its newer key (storage §3.12).
    ///
    /// # Errors
    /// As [`less_sync_storage::Deks::rewrap_deks`].
    pub async fn rewrap_deks(
        &self,
        right: &RewrapRight,
        kind: DekKind,
        entries: Vec<Rewrap>,
        listed: Option<Cursor>,
    ) -> Result<Rewrapped, EngineError<DekRejection>> {
        let guard = listed.map_or(RewrapGuard::Unlisted, RewrapGuard::Listed);
        Ok(self.storage.rewrap_deks(&right.grant, kind, entries, guard).await?)
    }

    /// Waives a missing scope for files, unless the space has any file.
    async fn waive(&self, missing: Option<Scope>, grant: &ReadGrant) -> Result<(), EngineError> {
        match missing {
            Some(scope) if self.storage.has_files(grant).await? => Err(EngineError::ScopeMissing(scope)),
            Some(_) | None => Ok(()),
        }
    }
}

/// Right to rewrap keys.
#[derive(Clone, Debug)]
pub struct RewrapRight {
    grant: AdminGrant,
    reader: Option<Did>,
}

impl RewrapRight {
    /// Member whose keys a server rewraps, as in [`Listing::reader`].
    #[must_use]
    pub fn reader(&self) -> Option<&Did> {
        self.reader.as_ref()
    }
}

/// Member behind a server: each has listings of their own, although they share a link.
fn reader(presenter: Presenter<'_>, admission: &Admission) -> Option<Did> {
    if presenter.user().is_some() {
        return None;
    }
    admission.chain().map(|chain| chain.audience().clone())
}

/// The method that lists keys of `kind`.
fn get_method(kind: DekKind) -> Method {
    match kind {
        DekKind::Record => Method::DeksGet,
        DekKind::File => Method::DeksGetFiles,
    }
}

/// The method that rewraps keys of `kind`.
fn rewrap_method(kind: DekKind) -> Method {
    match kind {
        DekKind::Record => Method::DeksRewrap,
        DekKind::File => Method::DeksRewrapFiles,
    }
}

/// The scope that `method` requires and the caller lacks. Only the scope for files may be waived (protocol D-31); for
/// records a missing one is an error at once. A forwarding server checks the scopes of its users itself (federation §9.1).
fn missing_scope(
    presenter: Presenter<'_>,
    kind: DekKind,
    method: Method,
) -> Result<Option<Scope>, EngineError> {
    let scope = method.row().rights.scope;
    if presenter.user().is_none_or(|caller| caller.scopes.contains(scope.as_str())) {
        return Ok(None);
    }
    match kind {
        DekKind::Record => Err(EngineError::ScopeMissing(scope)),
        DekKind::File => Ok(Some(scope)),
    }
}

/// Listing of data keys in progress.
pub struct Listing {
    kind: DekKind,
    reader: Option<Did>,
    source: Source,
}

enum Source {
    Stored(Box<StoredListing>),
    Remote {
        rows: Box<dyn RemoteDeks>,
        /// Scope that the caller lacks, waived unless there is a row.
        missing: Option<Scope>,
    },
}

struct StoredListing {
    storage: Arc<dyn Storage>,
    /// Limit of concurrent page reads in this process, shared with pulls (protocol B-05).
    page_reads: FairSemaphore,
    grant: ReadGrant,
    bounds: DekListing,
    next: Option<DekPosition>,
}

impl Listing {
    /// Kind of the listed keys.
    #[must_use]
    pub fn kind(&self) -> DekKind {
        self.kind
    }

    /// Member that a server lists the keys for; `None` for a user's own listing.
    #[must_use]
    pub fn reader(&self) -> Option<&Did> {
        self.reader.as_ref()
    }

    /// The bounds of the listing, fixed when it began; `None` if another server holds the space.
    #[must_use]
    pub fn bounds(&self) -> Option<DekListing> {
        match &self.source {
            Source::Stored(stored) => Some(stored.bounds),
            Source::Remote { .. } => None,
        }
    }

    /// The rows of the next page; `None` after the last one.
    ///
    /// # Errors
    /// As [`less_sync_storage::Deks::deks`], or [`EngineError::Home`]; ends the listing. [`EngineError::ScopeMissing`] for a
    /// space of another server that has a file.
    pub async fn next_page(&mut self) -> Result<Option<Vec<StoredDek>>, EngineError> {
        match &mut self.source {
            Source::Stored(stored) => stored.next_page().await,
            Source::Remote { rows, missing } => {
                let page = rows.next().await.map_err(EngineError::Home)?;
                match missing {
                    Some(scope) if page.is_some() => Err(EngineError::ScopeMissing(*scope)),
                    Some(_) | None => Ok(page),
                }
            }
        }
    }
}

impl StoredListing {
    async fn next_page(&mut self) -> Result<Option<Vec<StoredDek>>, EngineError> {
        let Some(position) = self.next.take() else { return Ok(None) };
        // The semaphore is never closed; without a permit the read would merely not be counted.
        let _turn = self.page_reads.acquire(self.grant.access().flow()).await;
        let page = self.storage.deks(&self.grant, &self.bounds, position).await?;
        self.next = page.next;
        Ok(Some(page.deks))
    }
}

impl std::fmt::Debug for Listing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Listing")
            .field("kind", &self.kind)
            .field("bounds", &self.bounds())
            .finish_non_exhaustive()
    }
}
