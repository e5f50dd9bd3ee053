//! `backup`: the database first, its objects second, the manifest last (operations §12).

use std::collections::HashMap;
use std::io::Write as _;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context as _, anyhow};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use less_sync_core::{FileId, SpaceId, hex};
use less_sync_engine::Random as _;
use less_sync_storage::{BlobError, Blobs, ObjectKey, ObjectName, SnapshotFile};
use less_sync_storage_postgres::migrate::{Migrator, Snapshot};
use less_sync_storage_sqlite::DatabaseCopy;

use super::manifest::{Contents, MANIFEST, Manifest, ObjectsEntry, StoreKind};
use super::object_list::{ObjectEntry, ObjectLines, PreviousObjects};
use super::place::{Access, OBJECTS, Place, SNAPSHOTS};
use super::programs::Program;
use crate::blobs;
use crate::clock::SystemRandom;
use crate::config::{Config, Values};
use crate::exit_error::ExitError;
use crate::migrate::arguments::{BackupArguments, Connection};
use crate::migrate::copying::{Copied, TRANSFERS, copy};
use crate::migrate::database::Database;
use crate::migrate::database::sources;
use crate::migrate::findings::{Finding, Findings};
use crate::migrate::output;
use crate::migrate::progress::Progress;

/// Live files of one query.
const PAGE: usize = 1000;

pub(super) async fn run(
    connection: &Connection,
    environment: &Values,
    version: &str,
    target: &str,
    arguments: &BackupArguments,
) -> Result<ExitCode, ExitError> {
    let sources = sources(connection, environment).map_err(ExitError::usage)?;
    let (_, files) = Config::read_stores(&sources).map_err(ExitError::usage)?;
    let database = Database::find(connection, environment)?;
    let place = Place::open(target, &sources, Access::Write).await?;
    place.require_other_than(&files, target).map_err(ExitError::usage)?;
    place.claim(target).await?;
    let mut run = Run {
        id: format!("{:032x}", SystemRandom.bits()),
        program: format!("less-sync-migrate {version}"),
        previous: previous(&place).await?,
        source: blobs::open_to_read(&files).await?,
        progress: Progress::new(arguments.progress),
        findings: Findings::default(),
        copied: 0,
        place,
    };
    let manifest = match &database {
        Database::Sqlite(path, _) => run.sqlite(path).await?,
        Database::Postgres(migrator) => run.postgres(migrator, arguments).await?,
    };
    run.place.put(MANIFEST, manifest.to_text()?.as_bytes()).await?;
    run.remove_unneeded(&manifest).await?;
    let Manifest { created_at, database, objects, .. } = &manifest;
    output::print(&format!(
        "backup created_at={created_at} database_bytes={} objects={} object_bytes={} copied={} findings={}",
        database.size,
        objects.count,
        objects.bytes,
        run.copied,
        run.findings.count()
    ))?;
    run.findings.exit_code()
}

/// Manifest of the backup that the place has; one that is damaged counts as none.
async fn previous(place: &Place) -> anyhow::Result<Option<Manifest>> {
    Ok(place.manifest().await?.and_then(Result::ok))
}

/// A backup that is being made.
struct Run {
    id: String,
    program: String,
    place: Place,
    previous: Option<Manifest>,
    source: Option<Arc<dyn Blobs>>,
    progress: Progress,
    findings: Findings,
    /// Objects that were copied; the others were in the place.
    copied: u64,
}

/// Live files of the snapshot of a database.
enum Files<'f, 's> {
    Sqlite(&'f DatabaseCopy),
    Postgres(&'f mut Snapshot<'s>),
}

impl Files<'_, '_> {
    async fn page(&mut self, after: Option<(SpaceId, FileId)>) -> anyhow::Result<Vec<SnapshotFile>> {
        const FAILED: &str = "cannot read the files of the database";
        match self {
            Self::Sqlite(copy) => copy.files(after, PAGE).context(FAILED),
            Self::Postgres(snapshot) => snapshot.files(after, PAGE).await.context(FAILED),
        }
    }
}

/// Outcome for one object.
enum Object {
    Kept(ObjectEntry),
    Copied(ObjectEntry),
    Lost(Finding, ObjectName),
}

impl Run {
    async fn sqlite(&mut self, path: &std::path::Path) -> anyhow::Result<Manifest> {
        let staged = self.place.stage(&self.id, "database.sqlite")?;
        self.progress.show("copying the database");
        let copy = DatabaseCopy::make(path, &staged.path)?;
        let database = self.place.store(&staged).await?;
        let objects = self.objects(&mut Files::Sqlite(&copy)).await?;
        Ok(Manifest::from(Contents {
            created_at: copy.made_at().to_owned(),
            program: self.program.clone(),
            store: StoreKind::Sqlite,
            schema_version: copy.version(),
            server_version: None,
            dump_version: None,
            database,
            objects,
        }))
    }

    async fn postgres(
        &mut self,
        migrator: &Migrator,
        arguments: &BackupArguments,
    ) -> anyhow::Result<Manifest> {
        let address = migrator.url().libpq();
        let made = migrator.with_snapshot(async |snapshot| {
            let dump = Program::find("pg_dump", arguments.pg_dump.as_deref(), snapshot.server())?;
            let staged = self.place.stage(&self.id, "database.pgdump")?;
            self.progress.show("dumping the database");
            dump.dump(&address, snapshot.id(), &staged.path)?;
            let database = self.place.store(&staged).await?;
            let (created_at, schema_version) = (snapshot.taken_at().to_owned(), snapshot.version());
            let server_version = Some(snapshot.server());
            let objects = self.objects(&mut Files::Postgres(snapshot)).await?;
            Ok(Manifest::from(Contents {
                created_at,
                program: self.program.clone(),
                store: StoreKind::Postgres,
                schema_version,
                server_version,
                dump_version: Some(dump.version),
                database,
                objects,
            }))
        });
        made.await?
    }

    /// Copies the objects of all live files, and writes their list.
    async fn objects(&mut self, files: &mut Files<'_, '_>) -> anyhow::Result<ObjectsEntry> {
        const FAILED: &str = "cannot write the list of objects";
        let staged = self.place.stage(&self.id, "objects.jsonl")?;
        let mut written = std::io::BufWriter::new(std::fs::File::create(&staged.path).context(FAILED)?);
        let mut known = self.previous_objects().await?;
        let (mut count, mut bytes, mut after) = (0, 0, None);
        loop {
            let page = files.page(after).await?;
            let Some(end) = page.last() else { break };
            after = Some((end.object.space, end.object.file));
            let known =
                match page.iter().filter_map(|file| file.object.name.key()).max_by_key(ToString::to_string) {
                    Some(highest) => known.up_to(&highest).await,
                    None => HashMap::new(),
                };
            let (place, source) = (&self.place, self.source.as_deref());
            let stored = page.into_iter().map(|file| object(place, source, &known, file));
            let stored: Vec<Object> =
                stream::iter(stored.collect::<Vec<_>>()).buffered(TRANSFERS).try_collect().await?;
            for object in stored {
                let entry = match object {
                    Object::Kept(entry) => entry,
                    Object::Copied(entry) => {
                        self.copied += 1;
                        entry
                    }
                    Object::Lost(finding, name) => {
                        self.findings.add(finding, &name);
                        continue;
                    }
                };
                count += 1;
                bytes += entry.size;
                written.write_all(entry.to_line()?.as_bytes()).context(FAILED)?;
            }
            self.progress.show(&format!("{count} objects, {bytes} bytes, {} copied", self.copied));
        }
        written.into_inner().context(FAILED)?.sync_all().context(FAILED)?;
        let list = self.place.store(&staged).await?;
        Ok(ObjectsEntry { count, bytes, missing: self.findings.count(), list })
    }

    /// The objects of the backup that the place has, if its list is whole.
    async fn previous_objects(&self) -> anyhow::Result<PreviousObjects> {
        let Some(previous) = &self.previous else { return Ok(PreviousObjects::default()) };
        let list = &previous.objects.list;
        if self.place.is_whole(list).await? != Some(true) {
            return Ok(PreviousObjects::default());
        }
        let reader = self.place.objects.open_named(&ObjectName::from(list.name.clone())).await;
        Ok(PreviousObjects::new(ObjectLines::new(reader.context("cannot read the list of objects")?)))
    }

    /// Removes what belonged to the backup before, and the rest of interrupted runs.
    async fn remove_unneeded(&self, manifest: &Manifest) -> anyhow::Result<()> {
        const FAILED: &str = "backup is complete, but files of the one before cannot be removed";
        let ours = format!("{SNAPSHOTS}{}/", self.id);
        let mut snapshots = self.place.objects.list(SNAPSHOTS);
        while let Some(found) = snapshots.try_next().await.context(FAILED)? {
            if !found.name.as_str().starts_with(&ours) {
                self.place.remove(&found.name).await.context(FAILED)?;
            }
        }
        let list = ObjectName::from(manifest.objects.list.name.clone());
        let mut needed = ObjectLines::new(self.place.objects.open_named(&list).await.context(FAILED)?);
        let mut next = needed.next().await?;
        let mut objects = self.place.objects.list(OBJECTS);
        while let Some(found) = objects.try_next().await.context(FAILED)? {
            while next.as_ref().is_some_and(|next| next.key.to_string().as_str() < found.name.as_str()) {
                next = needed.next().await?;
            }
            if next.as_ref().is_none_or(|next| next.key.to_string() != found.name.as_str()) {
                self.place.objects.delete(&found.name).await.context(FAILED)?;
            }
        }
        Ok(())
    }
}

/// Copies an object, unless the place has it.
async fn object(
    place: &Place,
    source: Option<&dyn Blobs>,
    known: &HashMap<ObjectKey, ObjectEntry>,
    file: SnapshotFile,
) -> anyhow::Result<Object> {
    let SnapshotFile { object, sha256 } = file;
    let name = object.name;
    let Some(key) = name.key() else { return Ok(Object::Lost(Finding::Missing, name)) };
    let expected = sha256.map(|sha256| hex::encode(&sha256));
    if let Some(kept) = kept(place, known.get(&key), object.size, expected.as_deref()).await? {
        return Ok(Object::Kept(kept));
    }
    let source = source.ok_or_else(|| anyhow!("database has files, and FILE_STORAGE_BACKEND is not set"))?;
    let failed = || format!("cannot copy object {}", name.without_space());
    let reader = match source.open(&key, None).await {
        Err(BlobError::NotFound) => return Ok(Object::Lost(Finding::Missing, name)),
        opened => opened.with_context(failed)?,
    };
    if reader.size != object.size {
        return Ok(Object::Lost(Finding::Damaged, name));
    }
    // An object that a killed run left under the name would be in the way.
    place.objects.delete(&name).await.with_context(failed)?;
    let writer = place.objects.create(&key, object.size).await.with_context(failed)?;
    Ok(match copy(reader, writer, expected.as_deref()).await.with_context(failed)? {
        Copied::Whole(sha256) => Object::Copied(ObjectEntry { key, size: object.size, sha256 }),
        Copied::Mismatch => Object::Lost(Finding::Damaged, name),
    })
}

/// The entry of an object that the place has.
async fn kept(
    place: &Place,
    known: Option<&ObjectEntry>,
    size: u64,
    expected: Option<&str>,
) -> anyhow::Result<Option<ObjectEntry>> {
    let Some(known) = known else { return Ok(None) };
    if known.size != size || expected.is_some_and(|expected| expected != known.sha256) {
        return Ok(None);
    }
    match place.objects.size(&known.key).await {
        Ok(found) => Ok((found == size).then(|| known.clone())),
        Err(BlobError::NotFound) => Ok(None),
        Err(error) => Err(anyhow::Error::new(error).context("cannot look up an object of the backup")),
    }
}
