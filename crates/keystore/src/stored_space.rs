//! File of a shared space: membership, keys, and a pending rotation.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as BASE64;
use less_sync_auth::RootKey;
use less_sync_client::crypto::{KeyRing, Secret, SpaceKey};
use less_sync_client::sharing::{Chain, Membership};
use less_sync_core::{Did, Epoch, SpaceId};
use serde::{Deserialize, Serialize};

const VERSION: u32 = 1;

/// Key rotation that was started from this directory and is not complete.
#[derive(Clone, Debug)]
pub struct PendingRotation {
    /// Key of the new epoch.
    pub key: SpaceKey,
    /// Removed member, who gets no share of the key.
    pub removes: Option<Did>,
    /// True if the server has accepted this rotation; before that, another member may have begun the same epoch.
    pub begun: bool,
}

/// Shared space as stored.
#[derive(Clone, Debug)]
pub struct StoredSpace {
    /// Rights and keys.
    pub membership: Membership,
    /// Rotation to complete.
    pub rotation: Option<PendingRotation>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SpaceFile {
    version: u32,
    space: String,
    name: String,
    root_key: String,
    ucan: String,
    keys: Vec<KeyEntry>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    rotation: Option<RotationEntry>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyEntry {
    epoch: i32,
    key: Secret,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RotationEntry {
    epoch: i32,
    key: Secret,
    /// True in files of earlier versions, which did not name the removed member.
    removes: RemovedMember,
    begun: bool,
}

/// Removed member, or a flag of an earlier version.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum RemovedMember {
    Named(String),
    Flag(bool),
}

impl From<Membership> for StoredSpace {
    fn from(membership: Membership) -> Self {
        Self { membership, rotation: None }
    }
}

impl StoredSpace {
    /// Parses a file; `None` for another version or form.
    pub(crate) fn from_json(text: &str) -> Option<Self> {
        let file: SpaceFile = serde_json::from_str(text).ok()?;
        let space: SpaceId = file.space.parse().ok()?;
        let key = |epoch, secret| Some(SpaceKey::new(space, Epoch::new(epoch).ok()?, secret));
        let mut keys = KeyRing::new(space);
        for entry in file.keys {
            keys.insert(key(entry.epoch, entry.key)?);
        }
        let rotation = match file.rotation {
            Some(RotationEntry { epoch, key: secret, removes, begun }) => {
                let removes = match removes {
                    RemovedMember::Named(did) => Some(Did::try_from(did).ok()?),
                    RemovedMember::Flag(_) => None,
                };
                Some(PendingRotation { key: key(epoch, secret)?, removes, begun })
            }
            None => None,
        };
        let root_key = RootKey::try_from(BASE64.decode(file.root_key).ok()?.as_slice()).ok()?;
        let membership = Membership { name: file.name, root_key, ucan: Chain(file.ucan), keys };
        (file.version == VERSION).then_some(Self { membership, rotation })
    }

    /// Content of the file.
    pub(crate) fn to_file(&self) -> SpaceFile {
        let Membership { name, root_key, ucan, keys } = &self.membership;
        let entry = |key: &SpaceKey| KeyEntry { epoch: key.epoch().get(), key: key.secret().clone() };
        SpaceFile {
            version: VERSION,
            space: keys.space().to_string(),
            name: name.clone(),
            root_key: BASE64.encode(root_key.as_bytes()),
            ucan: ucan.0.clone(),
            keys: keys.keys().map(entry).collect(),
            rotation: self.rotation.as_ref().map(|rotation| RotationEntry {
                epoch: rotation.key.epoch().get(),
                key: rotation.key.secret().clone(),
                removes: match &rotation.removes {
                    Some(did) => RemovedMember::Named(did.as_str().to_owned()),
                    None => RemovedMember::Flag(false),
                },
                begun: rotation.begun,
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use less_sync_client::crypto::Identity;

    use super::*;

    #[test]
    fn space_round_trips_through_its_file() {
        let (owner, space) = (Identity::random(), SpaceId::from_bytes([1; 16]));
        let mut keys = KeyRing::new(space);
        keys.insert(SpaceKey::random(space, Epoch::FIRST));
        let second = SpaceKey::random(space, Epoch::new(2).unwrap());
        let membership = Membership {
            name: "notes".to_owned(),
            root_key: owner.root_key(),
            ucan: Chain("a.b.c".to_owned()),
            keys,
        };
        let removes = Some(Identity::random().did().clone());
        let rotation = Some(PendingRotation { key: second, removes, begun: false });
        let stored = StoredSpace { membership, rotation };
        let text = serde_json::to_string(&stored.to_file()).unwrap();
        let again = StoredSpace::from_json(&text).unwrap();
        assert_eq!(serde_json::to_string(&again.to_file()).unwrap(), text);
        assert!(StoredSpace::from_json(&text.replace("\"version\":1", "\"version\":2")).is_none());
    }
}
