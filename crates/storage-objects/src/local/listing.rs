//! Directory listing in the order of names, in bounded memory.

use std::collections::{BTreeSet, VecDeque};
use std::fs::{self, DirEntry};
use std::io;
use std::path::{Path, PathBuf};

use futures_util::stream::{self, BoxStream};
use futures_util::{StreamExt, TryStreamExt};
use less_sync_storage::{BlobError, ListedBlob, ObjectKey};

use super::error::{blob_error, is_missing};
use super::{blocking, staged};
use crate::Violation;
use crate::object_path::ObjectPath;

/// Maximum objects per page, and maximum names of one directory in memory. A larger directory is read once per page.
const PAGE: usize = 4096;

/// Lists the objects below a prefix that ends with `/`.
pub(super) fn list(root: PathBuf, prefix: &str) -> BoxStream<'static, Result<ListedBlob, BlobError>> {
    let parsed = prefix.strip_suffix('/').ok_or(Violation::Name).and_then(ObjectPath::parse);
    match parsed {
        Ok(_) => walk(Walk { root, levels: vec![Level::of(prefix.to_owned())] }, PAGE),
        Err(violation) => stream::once(async move { Err(violation.into()) }).boxed(),
    }
}

fn walk(walk: Walk, page: usize) -> BoxStream<'static, Result<ListedBlob, BlobError>> {
    stream::try_unfold(walk, move |mut walk| async move {
        let (found, walk) = blocking::run(move || Ok((walk.page(page).map_err(blob_error)?, walk))).await?;
        Ok::<_, BlobError>(if found.is_empty() { None } else { Some((found, walk)) })
    })
    .map_ok(|found| stream::iter(found.into_iter().map(Ok)))
    .try_flatten()
    .boxed()
}

/// Position of a listing in the tree of directories.
struct Walk {
    root: PathBuf,
    levels: Vec<Level>,
}

/// Directory on the path from the top to the position.
struct Level {
    /// Name relative to the root, with a trailing `/`.
    name: String,
    /// Next names in the directory, ascending.
    next: VecDeque<String>,
    /// Last name that was read into `next`.
    last: String,
    /// True if there may be names after `last`.
    more: bool,
}

impl Walk {
    /// The next objects; empty at the end.
    fn page(&mut self, page: usize) -> io::Result<Vec<ListedBlob>> {
        let mut found = Vec::new();
        while found.len() < page
            && let Some(level) = self.levels.last_mut()
        {
            let Some(name) = level.next(&self.root, page)? else {
                self.levels.pop();
                continue;
            };
            if name.ends_with('/') {
                self.levels.push(Level::of(name));
            } else {
                found.extend(listed(&self.root, name)?);
            }
        }
        Ok(found)
    }
}

impl Level {
    fn of(name: String) -> Self {
        Self { name, next: VecDeque::new(), last: String::new(), more: true }
    }

    /// The next name, relative to the root; that of a directory has a trailing `/`.
    fn next(&mut self, root: &Path, page: usize) -> io::Result<Option<String>> {
        if self.next.is_empty() && self.more {
            self.next = smallest(&root.join(&self.name), &self.last, page)?;
            self.more = self.next.len() == page;
            self.last = self.next.back().cloned().unwrap_or_default();
        }
        Ok(self.next.pop_front().map(|name| format!("{}{name}", self.name)))
    }
}

/// The first `count` names after `last` in a directory, ascending. Directories have a trailing `/`, which takes part in
/// the order: `a/x` sorts after `a.b` and `a-` in whole names.
fn smallest(directory: &Path, last: &str, count: usize) -> io::Result<VecDeque<String>> {
    let mut names = BTreeSet::new();
    let entries = match fs::read_dir(directory) {
        Err(error) if is_missing(&error) => return Ok(VecDeque::new()),
        entries => entries?,
    };
    for entry in entries {
        let Some(name) = name_of(&entry?)? else { continue };
        if name.as_str() > last {
            names.insert(name);
        }
        if names.len() > count {
            names.pop_last();
        }
    }
    Ok(names.into_iter().collect())
}

/// Name of an entry; `None` if it is neither a file nor a directory, which this store never creates.
fn name_of(entry: &DirEntry) -> io::Result<Option<String>> {
    let (kind, name) = (entry.file_type()?, entry.file_name());
    let name = name.to_string_lossy();
    Ok(match (kind.is_dir(), kind.is_file()) {
        (true, _) => Some(format!("{name}/")),
        (_, true) => Some(name.into_owned()),
        _ => None,
    })
}

/// Listing of the file `name`; `None` if it was removed since its directory was read.
fn listed(root: &Path, name: String) -> io::Result<Option<ListedBlob>> {
    match fs::metadata(root.join(&name)) {
        Ok(found) => {
            let age = found.modified()?.elapsed().unwrap_or_default();
            let (object, unfinished) = staged::object_of(&name);
            let key = ObjectKey::parse(object).ok();
            Ok(Some(ListedBlob { key, unfinished, name: name.into(), size: found.len(), age }))
        }
        Err(error) if is_missing(&error) => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn pages_of_every_size_have_the_same_names_in_order() {
        let root = tempfile::tempdir().unwrap();
        let names =
            ["s/a/1", "s/a/2", "s/a/3", "s/a/b/1", "s/a/b/2", "s/a/c", "s/a-", "s/a.b", "s/b", "s/c/d/e"];
        for name in names {
            fs::create_dir_all(root.path().join(name).parent().unwrap()).unwrap();
            fs::write(root.path().join(name), b"x").unwrap();
        }
        let mut sorted = names.to_vec();
        sorted.sort_unstable();
        for page in 1..=names.len() + 1 {
            let top = Walk { root: root.path().to_owned(), levels: vec![Level::of("s/".to_owned())] };
            let listed: Vec<ListedBlob> = walk(top, page).try_collect().await.unwrap();
            let listed: Vec<_> = listed.into_iter().map(|listed| listed.name.to_string()).collect();
            assert_eq!(listed, sorted, "pages of {page}");
        }
    }

    #[tokio::test]
    async fn invalid_prefix_is_rejected() {
        for prefix in ["", "/", "spaces", "../", "spaces/../../"] {
            let listed: Result<Vec<_>, _> = list("/nowhere".into(), prefix).try_collect().await;
            assert!(matches!(listed, Err(BlobError::Failed(_))), "{prefix:?}");
        }
    }
}
