//! Kind and free space of the file systems of the database and the objects.

use std::path::{Path, PathBuf};

use less_sync_doctor::Finding;
use less_sync_storage::{DiskSpace, MountedVolume, Volume as _};
use rustix::fs::StatVfsMountFlags;

/// Property of a kind of file system that matters to stored data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// A disk of this machine, or unknown.
    Local,
    /// Files of another machine: locks and `fsync` may not hold.
    Network(&'static str),
    /// A program serves the files: `fsync` may not hold.
    User,
    /// Memory: lost with a restart.
    Memory(&'static str),
    /// Writable layer of a container: lost with the container.
    Layer,
}

/// Purpose of a directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    Database,
    Objects,
}

impl Purpose {
    fn as_str(self) -> &'static str {
        match self {
            Self::Database => "database",
            Self::Objects => "files",
        }
    }
}

/// Kind from the magic number of `statfs` (`linux/magic.h`).
fn kind(magic: u64) -> Kind {
    match magic {
        0x6969 => Kind::Network("NFS"),
        0xff53_4d42 | 0xfe53_4d42 | 0x517b => Kind::Network("SMB"),
        0x0102_1997 => Kind::Network("9P"),
        0x00c3_6400 => Kind::Network("Ceph"),
        0x5346_414f => Kind::Network("AFS"),
        0x0bd0_0bd0 => Kind::Network("Lustre"),
        0x6573_5546 => Kind::User,
        0x0102_1994 => Kind::Memory("tmpfs"),
        0x8584_58f6 => Kind::Memory("ramfs"),
        0x794c_7630 => Kind::Layer,
        _ => Kind::Local,
    }
}

/// Examines the file system of a directory, or of the nearest one above it that exists.
pub(super) fn examine(purpose: Purpose, directory: &Path) -> Vec<Finding> {
    let existing = nearest(directory);
    match rustix::fs::statfs(&existing) {
        Err(error) => {
            let seen = format!("cannot read {}: {error}", existing.display());
            vec![Finding::fail(
                "file-system",
                seen,
                "create the directory, and let the user of the server enter it",
            )]
        }
        Ok(found) => {
            // The type differs between architectures.
            #[expect(
                clippy::cast_sign_loss,
                clippy::cast_possible_truncation,
                reason = "a number of 32 bits"
            )]
            let magic = u64::from(found.f_type as u32);
            let space = MountedVolume::of(&existing).space();
            let mut findings = vec![if is_read_only(&existing) {
                read_only(purpose, directory)
            } else {
                of_kind(purpose, directory, kind(magic))
            }];
            findings.extend(space.ok().map(|space| of_space(purpose, directory, space)));
            findings
        }
    }
}

/// True if nothing can be written to the file system, as on a mount for reading.
fn is_read_only(existing: &Path) -> bool {
    rustix::fs::statvfs(existing).is_ok_and(|found| found.f_flag.contains(StatVfsMountFlags::RDONLY))
}

fn read_only(purpose: Purpose, directory: &Path) -> Finding {
    let seen = format!("{} on a read-only file system: {}", purpose.as_str(), directory.display());
    Finding::fail("file-system", seen, "mount it for writing, or choose another directory")
}

fn nearest(directory: &Path) -> PathBuf {
    let absolute = std::path::absolute(directory).unwrap_or_else(|_| directory.to_owned());
    let existing = absolute.ancestors().find(|ancestor| ancestor.exists());
    existing.unwrap_or(&absolute).to_owned()
}

fn of_kind(purpose: Purpose, directory: &Path, kind: Kind) -> Finding {
    const CHECK: &str = "file-system";
    let (of, at) = (purpose.as_str(), directory.display());
    match (kind, purpose) {
        (Kind::Local, _) => Finding::ok(CHECK, format!("{of} on a local disk: {at}")),
        (Kind::Network(name), Purpose::Database) => Finding::fail(
            CHECK,
            format!("{of} on {name}: {at}"),
            "move the database to a local disk, or use PostgreSQL: the locks of SQLite need a local file system",
        ),
        (Kind::Network(name), Purpose::Objects) => Finding::warn(
            CHECK,
            format!("{of} on {name}: {at}"),
            "use a local disk or S3, or make sure that the export is synchronous: acknowledged files may be lost",
        ),
        (Kind::User, _) => Finding::warn(
            CHECK,
            format!("{of} on a file system in user space: {at}"),
            "use a local disk, or make sure that fsync reaches the disk",
        ),
        (Kind::Memory(name), _) => Finding::fail(
            CHECK,
            format!("{of} in memory ({name}): {at}"),
            "use a disk: everything is lost when the machine or the container restarts",
        ),
        (Kind::Layer, _) => Finding::fail(
            CHECK,
            format!("{of} in the layer of a container: {at}"),
            "mount a volume there: everything is lost with the container",
        ),
    }
}

fn of_space(purpose: Purpose, directory: &Path, space: DiskSpace) -> Finding {
    const CHECK: &str = "disk";
    let (of, gib) = (purpose.as_str(), |bytes: u64| bytes >> 30);
    let seen = format!("{} GiB free of {}, at {}", gib(space.free), gib(space.total), directory.display());
    let is_accepting = match purpose {
        Purpose::Database => space.takes_records(),
        Purpose::Objects => space.fits(0),
    };
    let advice = "free space, or use a larger disk: 1 GiB or 2 % stay in reserve";
    if !is_accepting {
        Finding::fail(CHECK, format!("{seen}: the {of} accept nothing more"), advice)
    } else if space.total > 0 && space.free < space.reserve().saturating_mul(2) {
        Finding::warn(CHECK, format!("{seen}: close to the reserve"), advice)
    } else {
        Finding::ok(CHECK, seen)
    }
}

#[cfg(test)]
mod tests {
    use less_sync_doctor::Verdict;

    use super::*;

    #[test]
    fn file_systems_that_lose_data_fail() {
        let verdict = |magic, purpose| of_kind(purpose, Path::new("/x"), kind(magic)).verdict;
        for (magic, database, objects) in [
            (0xef53, Verdict::Ok, Verdict::Ok),
            (0x6969, Verdict::Fail, Verdict::Warn),
            (0xfe53_4d42, Verdict::Fail, Verdict::Warn),
            (0x6573_5546, Verdict::Warn, Verdict::Warn),
            (0x0102_1994, Verdict::Fail, Verdict::Fail),
            (0x794c_7630, Verdict::Fail, Verdict::Fail),
        ] {
            assert_eq!(verdict(magic, Purpose::Database), database, "{magic:x}");
            assert_eq!(verdict(magic, Purpose::Objects), objects, "{magic:x}");
        }
    }

    #[test]
    fn disk_without_reserve_fails_and_one_close_to_it_is_a_warning() {
        const GIB: u64 = 1 << 30;
        let verdict =
            |free, total, purpose| of_space(purpose, Path::new("/x"), DiskSpace { free, total }).verdict;
        for purpose in [Purpose::Database, Purpose::Objects] {
            assert_eq!(verdict(500 * GIB, 1000 * GIB, purpose), Verdict::Ok);
            assert_eq!(verdict(30 * GIB, 1000 * GIB, purpose), Verdict::Warn);
            assert_eq!(verdict(10 * GIB, 1000 * GIB, purpose), Verdict::Fail);
        }
        assert_eq!(verdict(0, 0, Purpose::Objects), Verdict::Ok, "unknown size");
    }

    #[test]
    fn directory_that_does_not_exist_is_judged_by_the_one_above() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(nearest(&folder.path().join("a/b")), folder.path());
        assert!(!examine(Purpose::Objects, &folder.path().join("a/b")).is_empty());
    }
}
