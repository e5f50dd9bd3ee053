//! Key file of the built-in issuer; it keeps tokens valid across restarts.

use std::io::{self, Write as _};
use std::path::Path;

use anyhow::Context as _;
use less_sync_auth::issuer::IssuerKey;
use less_sync_disk::{DirectorySync, create_complete};
use zeroize::Zeroizing;

const FILE: &str = "issuer.key";
const KEY_ID: &str = "dev-1";
const KEY_BYTES: usize = 32;

/// Loads the key in `directory`, or creates one that only its owner can read.
///
/// # Errors
/// The file cannot be read or created, or holds no valid key.
pub(super) fn load_or_create(directory: &Path, sync: &DirectorySync) -> anyhow::Result<IssuerKey> {
    let path = directory.join(FILE);
    match std::fs::read_to_string(&path) {
        Ok(text) => {
            parse(&Zeroizing::new(text)).with_context(|| format!("no valid key in {}", path.display()))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            create(directory, &path, sync).with_context(|| format!("cannot write {}", path.display()))
        }
        Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
    }
}

/// Creates the file as a whole: one that a crash left empty would be refused at every later start.
fn create(directory: &Path, path: &Path, sync: &DirectorySync) -> anyhow::Result<IssuerKey> {
    sync.create(directory)?;
    let (key, secret) = random_key()?;
    let text = Zeroizing::new(secret.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}")));
    create_complete(path, sync, |file| {
        file.write_all(text.as_bytes())?;
        file.write_all(b"\n")
    })?;
    Ok(key)
}

/// Draws a random key. Practically every 32 bytes are a valid P-256 scalar; eight draws cannot all fail.
fn random_key() -> anyhow::Result<(IssuerKey, Zeroizing<[u8; KEY_BYTES]>)> {
    let draws = std::iter::repeat_with(|| Zeroizing::new(rand::random::<[u8; KEY_BYTES]>())).take(8);
    let mut keys = draws.filter_map(|secret| Some((IssuerKey::from_bytes(KEY_ID, &secret).ok()?, secret)));
    keys.next().context("random number generator failed")
}

fn parse(text: &str) -> Option<IssuerKey> {
    let text = text.trim_end();
    let mut secret = Zeroizing::new([0; KEY_BYTES]);
    if text.len() != 2 * KEY_BYTES || !text.is_ascii() {
        return None;
    }
    for (byte, digits) in secret.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        *byte = u8::from_str_radix(str::from_utf8(digits).ok()?, 16).ok()?;
    }
    IssuerKey::from_bytes(KEY_ID, &secret).ok()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn key_is_created_once_and_readable_for_its_owner_only() {
        let directory = tempfile::tempdir().unwrap();
        let data = directory.path().join("data");
        let sync = DirectorySync::required();
        let made = load_or_create(&data, &sync).unwrap();
        let found = load_or_create(&data, &sync).unwrap();
        assert_eq!(made.jwk(), found.jwk());
        let rights = std::fs::metadata(data.join(FILE)).unwrap().permissions().mode();
        assert_eq!(rights & 0o777, 0o600);
    }

    /// A start that fails before the name of the file is durable leaves the whole key or none.
    #[test]
    fn key_file_is_never_seen_without_its_key() {
        let directory = tempfile::tempdir().unwrap();
        let interrupted =
            DirectorySync::required().with_operation(|_| Err(io::ErrorKind::Interrupted.into()));
        load_or_create(directory.path(), &interrupted).unwrap_err();
        let found = load_or_create(directory.path(), &DirectorySync::required()).unwrap();
        assert_eq!(found.jwk(), load_or_create(directory.path(), &DirectorySync::required()).unwrap().jwk());
    }

    #[test]
    fn damaged_key_file_is_not_replaced() {
        let directory = tempfile::tempdir().unwrap();
        for text in ["", "00", "zz", &"0".repeat(64), &"é".repeat(32)] {
            std::fs::write(directory.path().join(FILE), text).unwrap();
            let error = load_or_create(directory.path(), &DirectorySync::required()).unwrap_err();
            assert!(
                error.to_string().starts_with("no valid key in ")
                    && error.to_string().ends_with("issuer.key"),
                "{error}"
            );
            assert_eq!(std::fs::read_to_string(directory.path().join(FILE)).unwrap(), text);
        }
    }
}
