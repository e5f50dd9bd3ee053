//! Public metadata of the deployment (http §5.2).

use less_sync_api::ServerMetadata;
use url::Url;

use super::reader::Reader;

/// Settings without which no metadata are served.
const REQUIRED: [&str; 3] = ["DISCOVERY_IDENTITY_DOMAIN", "PUBLIC_SYNC_URL", "ACCOUNTS_URL"];

/// Reads the metadata; `None` unless all required settings are set.
pub(super) fn read(reader: &mut Reader<'_>) -> Option<ServerMetadata> {
    let domain = reader.text("DISCOVERY_IDENTITY_DOMAIN");
    let sync = base_url(reader, "PUBLIC_SYNC_URL");
    let accounts = base_url(reader, "ACCOUNTS_URL");
    let webfinger = base_url(reader, "WEBFINGER_URL");
    let set = [domain.is_some(), sync.is_some(), accounts.is_some()];
    if set.contains(&true) && set.contains(&false) {
        let [domain, sync, accounts] = REQUIRED;
        reader
            .warning(format!("public metadata are not served: {domain}, {sync} and {accounts} are required"));
    }
    domain?;
    Some(ServerMetadata::new(&accounts?, &sync?, webfinger.as_deref()))
}

/// Reads an http or https URL, without trailing slashes.
fn base_url(reader: &mut Reader<'_>, name: &'static str) -> Option<String> {
    let text = reader.text(name)?;
    let is_valid = Url::parse(&text)
        .is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host() && url.query().is_none());
    if !is_valid {
        reader.problem(format!("invalid {name} \"{text}\": expected an http or https URL"));
    }
    is_valid.then(|| text.trim_end_matches('/').to_owned())
}
