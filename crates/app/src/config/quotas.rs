//! Quotas of stored bytes (operations §2.4, storage §3.20).

use less_sync_storage::Quotas;

use super::identity::IdentityConfig;
use super::reader::Reader;

const MIB: usize = 1024 * 1024;

/// Largest quota: 1 PiB.
const LARGEST: usize = 1024 * 1024 * 1024 * MIB;

/// Reads the quotas; both are off by default. Owners are stored as keyed hashes, so that of users needs the key.
pub(super) fn read(reader: &mut Reader<'_>, identity: &IdentityConfig) -> Quotas {
    let quotas = Quotas { space: quota(reader, "MAX_SPACE_BYTES"), user: quota(reader, "MAX_USER_BYTES") };
    if quotas.user.is_some() && identity.hash_key.is_none() {
        reader.problem("MAX_USER_BYTES needs IDENTITY_HASH_KEY");
    }
    quotas
}

fn quota(reader: &mut Reader<'_>, name: &'static str) -> Option<u64> {
    let bytes = reader.optional_size(name, MIB..=LARGEST);
    if bytes.is_none() {
        reader.show(name, "unset");
    }
    bytes.map(|bytes| bytes as u64)
}
