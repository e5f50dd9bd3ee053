//! Listings of all objects of a store, foreign ones included (storage §4.7).

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::{StreamExt, TryStreamExt};
use less_sync_core::SpaceId;

use super::BlobsBackend;
use super::fixture::{Fixture, key};
use super::sizes::content;
use less_sync_storage::{Blobs, ObjectName};

/// A store is empty before the first upload, even the directory of objects may be missing.
pub async fn empty_store_lists_nothing<B: BlobsBackend>() {
    let fixture = Fixture::<B>::new().await;
    assert_eq!(fixture.list("spaces/").await, []);
    assert_eq!(fixture.list("spaces/01010101-0101-0101-0101-010101010101/").await, []);
}

/// All that is needed to judge an object.
pub async fn listing_says_name_size_and_age<B: BlobsBackend>() {
    let fixture = Fixture::<B>::new().await;
    fixture.put(&key(2, 1, 1), &content(1, 1000)).await;
    fixture.put(&key(1, 2, 1), &content(1, 0)).await;
    fixture.put(&key(1, 1, 1), &content(1, 1)).await;
    let listed = fixture.list("spaces/").await;
    let expected = [(key(1, 1, 1), 1), (key(1, 2, 1), 0), (key(2, 1, 1), 1000)];
    assert_eq!(listed.len(), expected.len());
    for (found, (key, size)) in listed.iter().zip(expected) {
        assert_eq!((found.name.as_str(), found.size), (key.to_string().as_str(), size));
        assert!(found.age < Duration::from_mins(2), "{:?}", found.age);
    }
}

/// `--space` of the check.
pub async fn listing_of_a_space_has_no_other<B: BlobsBackend>() {
    let fixture = Fixture::<B>::new().await;
    for space in 1..=3 {
        fixture.put(&key(space, 1, 1), &content(1, 1)).await;
    }
    let listed = fixture.list(&format!("spaces/{}/", SpaceId::from_bytes([2; 16]))).await;
    assert_eq!(listed.len(), 1);
    assert_eq!(listed[0].name, ObjectName::from(&key(2, 1, 1)));
}

/// Foreign objects are listed, and deleted by their listed names.
pub async fn listing_has_names_of_others<B: BlobsBackend>() {
    let fixture = Fixture::<B>::new().await;
    let strange = ["spaces/a b", "spaces/notes.txt", "spaces/x/files/y#1", "spaces/x/y/z/ä"];
    for name in strange {
        fixture.backend.put(name, b"?").await;
    }
    fixture.backend.put("elsewhere/spaces/x", b"?").await;
    assert_eq!(fixture.names().await, strange);
    for name in strange {
        fixture.store.delete(&name.to_owned().into()).await.unwrap();
    }
    assert_eq!(fixture.names().await, Vec::<String>::new());
}

/// More than any store lists at once, in one directory and around it.
pub async fn listing_of_many_pages_misses_nothing<B: BlobsBackend>() {
    let fixture = Fixture::<B>::new().await;
    let many = (0..4_200).map(|number| format!("spaces/b/files/{number:04}"));
    let few = ["spaces/a/files/1", "spaces/b/files-of-others", "spaces/b/files.1", "spaces/c/files/1"];
    let names: BTreeSet<String> = many.chain(few.map(str::to_owned)).collect();
    for name in &names {
        fixture.backend.put(name, b"x").await;
    }
    assert!(fixture.names().await.iter().eq(&names));
}

/// A listing may be dropped before its end.
pub async fn listing_may_stop<B: BlobsBackend>() {
    let fixture = Fixture::<B>::new().await;
    for file in 1..=3 {
        fixture.put(&key(1, file, 1), &content(1, 1)).await;
    }
    let first: Vec<_> = fixture.store.list("spaces/").take(1).try_collect().await.unwrap();
    assert_eq!(first[0].name, ObjectName::from(&key(1, 1, 1)));
}
