//! Formats of docs/encryption.md against the page of development servers, an implementation of its own on `WebCrypto`.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};

use bytes::Bytes;
use less_sync_auth::RootKey;
use less_sync_client::crypto::{FileOpener, FileSealer, Identity, KeyRing, Live, Secret, SpaceKey};
use less_sync_client::sharing::{Address, Chain, Membership, Offer, open_share, seal_share};
use less_sync_core::{Dek, Did, Epoch, FileId, Permission, RecordId, SpaceId, Timestamp, hex};
use pretty_assertions::assert_eq;
use serde_json::{Value, json};

const SPACE: SpaceId = SpaceId::from_bytes([1; 16]);
const RECORD: RecordId = RecordId::from_bytes([2; 16]);
const FILE: FileId = FileId::from_bytes([3; 16]);
const KEY: [u8; 32] = [4; 32];
const NOW: Timestamp = Timestamp::from_seconds(1_000_000);
const END: Timestamp = Timestamp::from_seconds(4_000_000_000);

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

fn bytes(value: &Value) -> Vec<u8> {
    let digits = text(value).as_bytes();
    digits.chunks(2).map(|pair| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

fn dek(value: &Value) -> Dek {
    Dek::try_from(bytes(value).as_slice()).unwrap()
}

/// Two segments, the second one short.
fn content() -> Vec<u8> {
    (0..70_000_u32).map(|index| u8::try_from(index % 251).unwrap()).collect()
}

/// Everything that is encrypted, sealed for the identity of the page.
fn seal_all(ring: &KeyRing, epoch: Epoch, owner: &Identity, page: &Did) -> Value {
    let record = ring.seal_record(epoch, RECORD, b"a record of the toolbox").unwrap();
    let (mut sealer, file_dek): (FileSealer, Dek) = ring.seal_file(epoch, FILE).unwrap();
    let mut object = Vec::new();
    sealer.update(&content(), &mut object);
    sealer.finish(&mut object);
    let root = owner.grant(owner.did(), Permission::Admin, SPACE, END, None);
    let ucan = owner.grant(page, Permission::Write, SPACE, END, Some(&root));
    let (name, keys) = ("notes".to_owned(), ring.clone());
    let membership = Membership { name, root_key: owner.root_key(), ucan: Chain(root.clone()), keys };
    let address = Address::new(page, owner.mailbox("issuer", "user")).unwrap();
    let share = seal_share(owner, &root, ring.newest().unwrap(), page).unwrap();
    json!({
        "blob": hex::encode(&record.blob), "dek": hex::encode(record.dek.as_bytes()),
        "object": hex::encode(&object), "fileDek": hex::encode(file_dek.as_bytes()),
        "presence": hex::encode(&ring.seal_live(Live::Presence, b"reading").unwrap()),
        "invitation": Offer::seal(owner, &membership, &address, &ucan).unwrap(),
        "share": hex::encode(&share.wrapped_key),
    })
}

#[test]
fn page_and_toolbox_open_what_the_other_has_sealed() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/browser");
    let mut script = Command::new("node");
    script.current_dir(folder).arg("formats.js").stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut script = script.spawn().unwrap();
    let mut lines = BufReader::new(script.stdout.take().unwrap()).lines();
    let mut line = || -> Value { serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap() };

    let [owner, guest] = std::array::from_fn(|_| Identity::random());
    let page = Did::try_from(text(&line()["did"]).to_owned()).unwrap();
    let epoch = Epoch::new(2).unwrap();
    let mut ring = KeyRing::new(SPACE);
    ring.insert(SpaceKey::new(SPACE, epoch, Secret::from_bytes(KEY)));
    let request = json!({
        "space": SPACE.to_string(), "epoch": 2, "key": hex::encode(&KEY), "record": RECORD.to_string(),
        "file": FILE.to_string(), "theirs": seal_all(&ring, epoch, &owner, &page),
        "guest": guest.did().as_str(), "owner": owner.did().as_str(),
    });
    writeln!(script.stdin.take().unwrap(), "{request}").unwrap();
    let Value::Object(answer) = line() else { panic!("no object") };
    assert!(script.wait().unwrap().success());

    let (opened, sealed) = (&answer["opened"], &answer["sealed"]);
    assert_eq!(opened["record"], "a record of the toolbox");
    assert_eq!((bytes(&opened["file"]) == content(), &opened["presence"]), (true, &json!("reading")));
    let invitation = json!({
        "space": SPACE.to_string(), "name": "notes", "owner": owner.did().as_str(), "epoch": 2, "key": hex::encode(&KEY),
    });
    assert_eq!((&opened["invitation"], text(&opened["share"])), (&invitation, hex::encode(&KEY).as_str()));

    let record = ring.open_record(RECORD, &bytes(&sealed["blob"]), Some(dek(&sealed["dek"]).as_bytes()));
    assert_eq!(record.unwrap(), "a record of the page");
    let mut decryptor: FileOpener = ring.open_file(FILE, &dek(&sealed["fileDek"]), 0).unwrap();
    let mut file = Vec::new();
    decryptor.update(&bytes(&sealed["object"]), &mut file).unwrap();
    decryptor.finish(&mut file).unwrap();
    assert!(file == content(), "another file");
    assert_eq!(ring.open_live(Live::Presence, &bytes(&sealed["presence"])).unwrap(), b"typing");
    let offer = Offer::open(&guest, text(&sealed["invitation"]), NOW).unwrap();
    assert_eq!((offer.from.as_str(), offer.space(), offer.name()), (page.as_str(), SPACE, "notes"));
    let root_key = RootKey::try_from(bytes(&sealed["root"]).as_slice()).unwrap();
    let ucan = Chain(text(&sealed["ucan"]).to_owned());
    let membership = Membership { name: String::new(), root_key, ucan, keys: KeyRing::new(SPACE) };
    let share = Bytes::from(bytes(&sealed["share"]));
    let (key, _) = open_share(&guest, &membership, epoch, &share, NOW).unwrap();
    assert_eq!(*key.secret().expose(), KEY);
}
