//! `backup verify`: every file of a backup against its size and hash.

use std::process::ExitCode;

use anyhow::Context as _;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use less_sync_storage::{BlobError, ObjectName};

use super::manifest::{FileEntry, InvalidManifest, MANIFEST, Manifest};
use super::object_list::{ObjectEntry, ObjectLines};
use super::place::{Access, Place};
use crate::config::Values;
use crate::exit_error::ExitError;
use crate::migrate::arguments::{BackupVerifyArguments, Connection};
use crate::migrate::copying::{TRANSFERS, hash};
use crate::migrate::database::settings;
use crate::migrate::findings::{Finding, Findings};
use crate::migrate::output;
use crate::migrate::progress::Progress;

/// Objects that are read at a time.
pub(super) const PAGE: usize = 1000;

pub(super) async fn run(
    connection: &Connection,
    environment: &Values,
    arguments: &BackupVerifyArguments,
) -> Result<ExitCode, ExitError> {
    let sources = settings(connection, environment).map_err(ExitError::usage)?;
    let place = Place::open(&arguments.target, &sources, Access::Read).await?;
    let progress = Progress::new(arguments.progress);
    let mut verification = Verification { place: &place, progress: &progress, findings: Findings::default() };
    let manifest = verification.all().await?;
    let findings = verification.findings;
    if let Some(Manifest { created_at, objects, .. }) = manifest {
        let files = objects.count + 3;
        output::print(&format!(
            "verified created_at={created_at} files={files} findings={}",
            findings.count()
        ))?;
    }
    findings.exit_code()
}

/// A check of a backup, which prints what it finds.
pub(super) struct Verification<'v> {
    pub(super) place: &'v Place,
    pub(super) progress: &'v Progress,
    pub(super) findings: Findings,
}

impl Verification<'_> {
    /// Checks everything; `None` without a manifest that is whole.
    pub(super) async fn all(&mut self) -> anyhow::Result<Option<Manifest>> {
        let manifest = match self.place.manifest().await? {
            Some(Ok(manifest)) => manifest,
            Some(Err(unknown @ InvalidManifest::Format(_))) => return Err(unknown.into()),
            Some(Err(InvalidManifest::Damaged)) => {
                self.findings.add(Finding::Damaged, &MANIFEST);
                return Ok(None);
            }
            None => {
                self.findings.add(Finding::Missing, &MANIFEST);
                return Ok(None);
            }
        };
        self.progress.show("verifying the database");
        self.file(&manifest.database).await?;
        if self.file(&manifest.objects.list).await? {
            self.objects(&manifest).await?;
        }
        Ok(Some(manifest))
    }

    /// Checks a file; false if it is not whole.
    async fn file(&mut self, entry: &FileEntry) -> anyhow::Result<bool> {
        let found = self.place.is_whole(entry).await?;
        match found {
            Some(true) => {}
            Some(false) => self.findings.add(Finding::Damaged, &entry.name),
            None => self.findings.add(Finding::Missing, &entry.name),
        }
        Ok(found == Some(true))
    }

    async fn objects(&mut self, manifest: &Manifest) -> anyhow::Result<()> {
        let list = ObjectName::from(manifest.objects.list.name.clone());
        let list = self.place.objects.open_named(&list).await.context("cannot read the list of objects")?;
        let (mut lines, mut checked) = (ObjectLines::new(list), 0);
        loop {
            let page = lines.page(PAGE).await?;
            if page.is_empty() {
                return Ok(());
            }
            checked += page.len();
            let found: Vec<Option<(Finding, ObjectEntry)>> =
                stream::iter(page.into_iter().map(|entry| check(self.place, entry)).collect::<Vec<_>>())
                    .buffered(TRANSFERS)
                    .try_collect()
                    .await?;
            for (finding, entry) in found.into_iter().flatten() {
                self.findings.add(finding, &entry.key);
            }
            self.progress.show(&format!("{checked} of {} objects verified", manifest.objects.count));
        }
    }
}

async fn check(place: &Place, entry: ObjectEntry) -> anyhow::Result<Option<(Finding, ObjectEntry)>> {
    let reading = async {
        let reader = place.objects.open(&entry.key, None).await?;
        Ok(reader.size == entry.size && hash(reader).await? == entry.sha256)
    };
    match reading.await {
        Ok(true) => Ok(None),
        Ok(false) => Ok(Some((Finding::Damaged, entry))),
        Err(BlobError::NotFound) => Ok(Some((Finding::Missing, entry))),
        Err(error) => Err(anyhow::Error::new(error).context(format!("cannot read {}", entry.key))),
    }
}
