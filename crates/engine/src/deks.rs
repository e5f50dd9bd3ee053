//! Data keys: listed and rewrapped by whoever rotates the key of a space (protocol §4.16–§4.18).

mod keyed;

use std::sync::Arc;

use less_sync_auth::Caller;
use less_sync_auth::rights::Scope;
use less_sync_core::wire::method::Method;
use less_sync_core::{Cursor, SpaceId};
use less_sync_storage::{
    AdminGrant, DekListing, DekPage, DekPosition, ReadGrant, Rewrap, RewrapGuard, Rewrapped, Storage,
};
use tokio::sync::Semaphore;

use crate::{Credentials, Engine, EngineError};
pub use keyed::Keyed;

impl Engine {
    /// Begins a listing of the keys of records or files in `space` above `since`. Nothing is held in the store between
    /// pages.
    ///
    /// Whoever lacks the scope for files gets the listing of a space that has none, so that rotations by apps that know
    /// no files come to an end (protocol D-31).
    ///
    /// # Errors
    /// As [`Engine::pull`]; [`EngineError::ScopeMissing`]; as [`less_sync_storage::Deks::begin_deks`].
    pub async fn list_deks<Id: Keyed>(
        &self,
        credentials: Credentials<'_>,
        space: SpaceId,
        since: Cursor,
    ) -> Result<Listing<Id>, EngineError> {
        let missing = missing_scope::<Id>(credentials.caller, Id::GET)?;
        let grant = self.authorizer.admit(Id::GET, credentials, space).await?.reading()?;
        let bounds = {
            let _turn = self.page_reads.acquire().await;
            self.storage.begin_deks(&grant, since).await?
        };
        // A file that comes after this look lies above the bound and is not listed.
        self.waive(missing, &grant).await?;
        Ok(Listing {
            storage: self.storage.clone(),
            page_reads: self.page_reads.clone(),
            grant,
            bounds,
            next: Some(bounds.start()),
            keyed: std::marker::PhantomData,
        })
    }

    /// The right to rewrap the keys of records or files in `space`. Separate from [`Engine::rewrap_deks`] because an
    /// edge answers for malformed entries only after this. The scope for files is waived as for a listing, if there is
    /// `nothing` to rewrap: that is how a rotation ends that has listed nothing.
    ///
    /// # Errors
    /// As [`Engine::pull`]; [`EngineError::ScopeMissing`]; as [`less_sync_storage::Deks::has_files`].
    pub async fn authorize_rewrap<Id: Keyed>(
        &self,
        credentials: Credentials<'_>,
        space: SpaceId,
        nothing: bool,
    ) -> Result<AdminGrant, EngineError> {
        let missing = missing_scope::<Id>(credentials.caller, Id::REWRAP)?;
        match missing {
            Some(scope) if !nothing => return Err(EngineError::ScopeMissing(scope)),
            Some(_) | None => {}
        }
        let admission = self.authorizer.admit(Id::REWRAP, credentials, space).await?;
        self.waive(missing, &admission.reading()?).await?;
        admission.administering()
    }

    /// Replaces the keys of records or files, all or nothing. `listed` is the bound of the listing that the caller
    /// worked from, if it is known: newer content keeps its newer key (storage §3.12). A repeat changes nothing.
    ///
    /// # Errors
    /// As [`less_sync_storage::Deks::rewrap_deks`].
    pub async fn rewrap_deks<Id: Keyed>(
        &self,
        grant: &AdminGrant,
        entries: Vec<Rewrap<Id>>,
        listed: Option<Cursor>,
    ) -> Result<Rewrapped, EngineError> {
        let guard = listed.map_or(RewrapGuard::Unlisted, RewrapGuard::Listed);
        Ok(Id::rewrap(self.storage.as_ref(), grant, entries, guard).await?)
    }

    /// Lets somebody pass without the scope for files, unless there are any.
    async fn waive(&self, missing: Option<Scope>, grant: &ReadGrant) -> Result<(), EngineError> {
        match missing {
            Some(scope) if self.storage.has_files(grant).await? => Err(EngineError::ScopeMissing(scope)),
            Some(_) | None => Ok(()),
        }
    }
}

/// The scope that `method` asks for and the caller lacks, if it may be waived.
fn missing_scope<Id: Keyed>(caller: &Caller, method: Method) -> Result<Option<Scope>, EngineError> {
    let scope = method.row().rights.scope;
    if caller.scopes.contains(scope.as_str()) {
        return Ok(None);
    }
    if Id::SCOPE_IS_WAIVED { Ok(Some(scope)) } else { Err(EngineError::ScopeMissing(scope)) }
}

/// A listing of data keys under way.
pub struct Listing<Id> {
    storage: Arc<dyn Storage>,
    /// Page reads at once in this process, shared with pulls (protocol B-05).
    page_reads: Arc<Semaphore>,
    grant: ReadGrant,
    bounds: DekListing,
    next: Option<DekPosition>,
    keyed: std::marker::PhantomData<fn() -> Id>,
}

impl<Id: Keyed> Listing<Id> {
    /// Its bounds, fixed when it began.
    #[must_use]
    pub fn bounds(&self) -> DekListing {
        self.bounds
    }

    /// The next page; `None` after the last one.
    ///
    /// # Errors
    /// As [`less_sync_storage::Deks::record_deks`]; the listing is over then.
    pub async fn next_page(&mut self) -> Result<Option<DekPage<Id>>, EngineError> {
        let Some(position) = self.next.take() else { return Ok(None) };
        // The semaphore is never closed; without a permit the read would merely not be counted.
        let _turn = self.page_reads.acquire().await;
        let page = Id::page(self.storage.as_ref(), &self.grant, &self.bounds, position).await?;
        self.next = page.next;
        Ok(Some(page))
    }
}

impl<Id> std::fmt::Debug for Listing<Id> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Listing")
            .field("bounds", &self.bounds)
            .field("next", &self.next)
            .finish_non_exhaustive()
    }
}
