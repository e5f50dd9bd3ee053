//! What the public metadata say (http §5.2).

use less_sync_api::ServerMetadata;
use url::Url;

use super::reader::Reader;

const NEEDED: [&str; 3] = ["DISCOVERY_IDENTITY_DOMAIN", "PUBLIC_SYNC_URL", "ACCOUNTS_URL"];

/// The metadata, once everything that they need is set.
pub(super) fn read(reader: &mut Reader<'_>) -> Option<ServerMetadata> {
    let domain = reader.text("DISCOVERY_IDENTITY_DOMAIN");
    let sync = address(reader, "PUBLIC_SYNC_URL");
    let accounts = address(reader, "ACCOUNTS_URL");
    let webfinger = address(reader, "WEBFINGER_URL");
    let set = [domain.is_some(), sync.is_some(), accounts.is_some()];
    if set.contains(&true) && set.contains(&false) {
        let [domain, sync, accounts] = NEEDED;
        reader.warning(format!(
            "the public metadata are not served: they need {domain}, {sync} and {accounts}"
        ));
    }
    domain?;
    Some(ServerMetadata::new(&accounts?, &sync?, webfinger.as_deref()))
}

/// An address without a slash at its end.
fn address(reader: &mut Reader<'_>, name: &'static str) -> Option<String> {
    let text = reader.text(name)?;
    let is_address = Url::parse(&text)
        .is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host() && url.query().is_none());
    if !is_address {
        reader.problem(format!("invalid {name} \"{text}\": expected an http or https URL"));
    }
    is_address.then(|| text.trim_end_matches('/').to_owned())
}
