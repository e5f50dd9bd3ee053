//! `restore`: verifies a backup, then its objects, then its database, into an empty place (operations §12).

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context as _, anyhow};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use less_sync_core::hex;
use less_sync_disk::DirectorySync;
use less_sync_storage::{BlobError, Blobs, JumpOutcome, JumpProgress, ObjectName};
use less_sync_storage_postgres::migrate::{Migrator, latest_version};
use less_sync_storage_sqlite::{RestoredDatabase, latest_schema_version, require_missing};
use sha2::{Digest as _, Sha256};

use super::manifest::{FileEntry, Manifest, StoreKind};
use super::object_list::{ObjectEntry, ObjectLines};
use super::place::{Access, OBJECTS, Place, Staged};
use super::programs::Program;
use super::verify::{PAGE, Verification};
use crate::blobs;
use crate::config::{Config, Values};
use crate::exit_error::ExitError;
use crate::migrate::after_restore;
use crate::migrate::arguments::{Connection, RestoreArguments};
use crate::migrate::copying::{Copied, TRANSFERS, copy, hash};
use crate::migrate::database::{Database, directory_sync, sources};
use crate::migrate::findings::Findings;
use crate::migrate::output;
use crate::migrate::progress::Progress;

pub(super) async fn run(
    connection: &Connection,
    environment: &Values,
    arguments: &RestoreArguments,
) -> Result<ExitCode, ExitError> {
    let sources = sources(connection, environment).map_err(ExitError::usage)?;
    let (_, files) = Config::read_stores(&sources).map_err(ExitError::usage)?;
    let database = Database::find(connection, environment)?;
    let sync = directory_sync(&sources).map_err(ExitError::usage)?;
    let place = Place::open(&arguments.target, &sources, Access::Read).await?;
    place.require_other_than(&files, &arguments.target).map_err(ExitError::usage)?;
    let progress = Progress::new(arguments.progress);
    let mut verification = Verification { place: &place, progress: &progress, findings: Findings::default() };
    let Some(manifest) = verification.all().await? else { return verification.findings.exit_code() };
    if verification.findings.count() > 0 {
        return verification.findings.exit_code();
    }
    let target = Target::prepare(&database, &manifest, arguments).await?;
    let blobs = match (blobs::open(&files, &sync).await?, manifest.objects.count) {
        (None, 1..) => {
            let error = anyhow!("backup has objects, and FILE_STORAGE_BACKEND is not set");
            return Err(ExitError::usage(error));
        }
        (blobs, _) => blobs,
    };
    if let Some(blobs) = blobs {
        let restoring = Objects { place: &place, blobs, progress: &progress, resume: arguments.resume };
        restoring.restore(&manifest).await?;
    }
    progress.show("restoring the database");
    let outcome = target.restore(&place, &manifest, &progress).await?;
    let Manifest { created_at, objects, .. } = &manifest;
    output::print(&format!(
        "restored created_at={created_at} objects={} object_bytes={}",
        objects.count, objects.bytes
    ))?;
    let (JumpOutcome::Jumped(raised) | JumpOutcome::AlreadyComplete(raised)) = outcome;
    after_restore::print(&raised)?;
    Ok(ExitCode::SUCCESS)
}

/// Database to restore, which is empty.
enum Target<'t> {
    Sqlite(&'t Path, &'t DirectorySync),
    Postgres { migrator: &'t Migrator, load: Program },
}

impl<'t> Target<'t> {
    /// Checks that the backup fits the database and that the database is empty.
    async fn prepare(
        database: &'t Database,
        manifest: &Manifest,
        arguments: &RestoreArguments,
    ) -> anyhow::Result<Self> {
        match (database, manifest.store) {
            (Database::Sqlite(path, sync), StoreKind::Sqlite) => {
                require_known(manifest, latest_schema_version())?;
                require_missing(path)?;
                Ok(Self::Sqlite(path, sync))
            }
            (Database::Postgres(migrator), StoreKind::Postgres) => {
                require_known(manifest, latest_version())?;
                let server = migrator.require_empty().await?;
                if let Some(source) = manifest.server_version.filter(|source| *source > server) {
                    return Err(anyhow!(
                        "backup is of PostgreSQL {source}, and the server is PostgreSQL {server}"
                    ));
                }
                let least = manifest.dump_version.unwrap_or(server);
                let load = Program::find("pg_restore", arguments.pg_restore.as_deref(), least)?;
                Ok(Self::Postgres { migrator, load })
            }
            (_, StoreKind::Sqlite) => {
                Err(anyhow!("backup is of a SQLite database: DATABASE_URL is another one"))
            }
            (_, StoreKind::Postgres) => {
                Err(anyhow!("backup is of a PostgreSQL database: DATABASE_URL is another one"))
            }
        }
    }

    async fn restore(
        &self,
        place: &Place,
        manifest: &Manifest,
        progress: &Progress,
    ) -> anyhow::Result<JumpOutcome> {
        let mut tell = |done: &JumpProgress| {
            progress.show(&format!("{} spaces, {} rows raised", done.spaces, done.rows));
        };
        match self {
            Self::Sqlite(path, sync) => {
                let restored = RestoredDatabase::begin(path, sync)?;
                download(place, &manifest.database, restored.staging()).await?;
                Ok(restored.complete(&mut tell)?)
            }
            Self::Postgres { migrator, load } => {
                let archive = Archive::of(place, &manifest.database).await?;
                let address = migrator.url().libpq();
                migrator.restore(async || load.load(&address, archive.path()), &mut tell).await
            }
        }
    }
}

/// Rejects a backup of a schema that this build does not know.
fn require_known(manifest: &Manifest, latest: i64) -> anyhow::Result<()> {
    let version = manifest.schema_version;
    if version <= latest {
        return Ok(());
    }
    Err(anyhow!("backup has schema version {version}, and this build knows versions up to {latest}"))
}

/// Archive of `pg_dump` in a local file.
enum Archive {
    InPlace(std::path::PathBuf),
    Downloaded(Staged),
}

impl Archive {
    async fn of(place: &Place, entry: &FileEntry) -> anyhow::Result<Self> {
        if let Some(path) = place.local_path(&entry.name) {
            return Ok(Self::InPlace(path));
        }
        let staged = place.stage("restore", &entry.sha256)?;
        download(place, entry, &staged.path).await?;
        Ok(Self::Downloaded(staged))
    }

    fn path(&self) -> &Path {
        match self {
            Self::InPlace(path) => path,
            Self::Downloaded(staged) => &staged.path,
        }
    }
}

/// Writes a file of the backup to a new local file, and compares its hash once more.
async fn download(place: &Place, entry: &FileEntry, path: &Path) -> anyhow::Result<()> {
    let failed = || format!("cannot write {}", path.display());
    let reader = place.objects.open_named(&ObjectName::from(entry.name.clone())).await;
    let mut reader = reader.with_context(|| format!("cannot read {}", entry.name))?;
    let mut options = std::fs::OpenOptions::new();
    std::os::unix::fs::OpenOptionsExt::mode(options.write(true).create_new(true), 0o600);
    let mut file = BufWriter::new(options.open(path).with_context(failed)?);
    let mut digest = Sha256::new();
    while let Some(piece) = reader.bytes.next().await {
        let piece = piece.with_context(|| format!("cannot read {}", entry.name))?;
        digest.update(&piece);
        file.write_all(&piece).with_context(failed)?;
    }
    let file: File = file.into_inner().with_context(failed)?;
    file.sync_all().with_context(failed)?;
    if hex::encode(&digest.finalize()) == entry.sha256 {
        Ok(())
    } else {
        Err(anyhow!("{} has changed since it was verified", entry.name))
    }
}

/// Objects on their way into the file storage.
struct Objects<'o> {
    place: &'o Place,
    blobs: Arc<dyn Blobs>,
    progress: &'o Progress,
    /// Objects of the backup may be there already, from an interrupted restore.
    resume: bool,
}

impl Objects<'_> {
    async fn restore(&self, manifest: &Manifest) -> anyhow::Result<()> {
        if !self.resume
            && let Some(found) = self.blobs.list(OBJECTS).next().await
        {
            let found = found.context("cannot list the file storage")?;
            let name = found.name.without_space();
            return Err(anyhow!(
                "file storage is not empty: it has {name}; --resume continues an interrupted restore"
            ));
        }
        let list = ObjectName::from(manifest.objects.list.name.clone());
        let list = self.place.objects.open_named(&list).await.context("cannot read the list of objects")?;
        let (mut lines, mut restored) = (ObjectLines::new(list), 0);
        loop {
            let page = lines.page(PAGE).await?;
            if page.is_empty() {
                return Ok(());
            }
            restored += page.len();
            let copies: Vec<_> = page.into_iter().map(|entry| self.object(entry)).collect();
            stream::iter(copies).buffered(TRANSFERS).try_collect::<Vec<()>>().await?;
            self.progress.show(&format!("{restored} of {} objects restored", manifest.objects.count));
        }
    }

    async fn object(&self, entry: ObjectEntry) -> anyhow::Result<()> {
        let ObjectEntry { key, size, sha256 } = entry;
        let failed = || format!("cannot restore object {}", key.without_space());
        if self.resume {
            match self.blobs.open(&key, None).await {
                Ok(found) => {
                    let is_ours = found.size == size && hash(found).await.with_context(failed)? == sha256;
                    let another = || anyhow!("file storage has another object {}", key.without_space());
                    return if is_ours { Ok(()) } else { Err(another()) };
                }
                // An object that an interrupted restore left under the name would be in the way.
                Err(BlobError::NotFound) => {
                    self.blobs.delete(&ObjectName::from(&key)).await.with_context(failed)?;
                }
                Err(error) => return Err(anyhow::Error::new(error).context(failed())),
            }
        }
        let reader = self.place.objects.open(&key, None).await.with_context(failed)?;
        let writer = self.blobs.create(&key, size).await.with_context(failed)?;
        match copy(reader, writer, Some(&sha256)).await.with_context(failed)? {
            Copied::Whole(_) => Ok(()),
            Copied::Mismatch => {
                Err(anyhow!("object {} has changed since it was verified", key.without_space()))
            }
        }
    }
}
