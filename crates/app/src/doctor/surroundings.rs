//! Checks of what the server needs besides its database: descriptors, object store, key sets of issuers.

use futures_util::future::join_all;
use less_sync_auth::TrustedIssuer;
use less_sync_auth::jwks::KeySet;
use less_sync_core::Timestamp;
use less_sync_doctor::Finding;
use less_sync_engine::{FetchMode, KeySetError, KeySetSource};

use super::cause::{advice, chain};
use crate::blobs;
use crate::config::Config;
use crate::file_limit;
use crate::listen::Tls;

/// Connections below which hardly any user is served.
const FEW_CONNECTIONS: usize = 256;

/// Remaining validity below which a certificate should have been renewed: ACME clients renew 30 days before the end.
const RENEWAL_DAYS: i64 = 14;

/// Compares the limit of open files with the connections that a server with this configuration accepts.
pub(super) fn descriptors(config: &Config, limit: Option<u64>) -> Finding {
    const CHECK: &str = "descriptors";
    let wanted = file_limit::wanted_connections(config);
    let connections = file_limit::connections(wanted, limit, file_limit::reserve(config));
    let shown = limit.map_or_else(|| "no limit".to_owned(), |limit| format!("a limit of {limit} open files"));
    let seen = format!("{shown}: {connections} of {wanted} connections");
    let advice = "raise the limit: LimitNOFILE= of systemd, ulimits of Docker, ulimit -n";
    if connections >= wanted / 2 {
        Finding::ok(CHECK, seen)
    } else if connections >= FEW_CONNECTIONS {
        Finding::warn(CHECK, seen, advice)
    } else {
        Finding::fail(CHECK, seen, advice)
    }
}

/// Reads the certificate and key of the listener, if there are any.
pub(super) fn certificate(config: &Config, now: Timestamp) -> Option<Finding> {
    const CHECK: &str = "tls";
    let files = config.server.tls.as_ref()?;
    Some(match Tls::inspect(files) {
        Err(error) => {
            let error = anyhow::Error::from(error);
            let advice = "mend TLS_CERT_FILE and TLS_KEY_FILE: the server does not start with them";
            Finding::fail(CHECK, chain(&error), advice)
        }
        Ok(end) => validity(CHECK, end.map(|end| end.saturating_sub(now.seconds()))),
    })
}

/// Finding about a usable certificate that ends in so many seconds.
fn validity(check: &'static str, left: Option<i64>) -> Finding {
    let days = |seconds: i64| seconds.div_euclid(24 * 60 * 60);
    let advice = "renew the certificate, and find out why that did not happen by itself";
    match left {
        None => Finding::ok(check, "certificate and key belong together"),
        Some(left) if left < 0 => Finding::fail(check, "the certificate has expired", advice),
        Some(left) if days(left) < RENEWAL_DAYS => {
            Finding::warn(check, format!("the certificate ends in {} days", days(left)), advice)
        }
        Some(left) => Finding::ok(check, format!("the certificate ends in {} days", days(left))),
    }
}

/// Writes, reads and removes a test object.
pub(super) async fn objects(config: &Config) -> Vec<Finding> {
    const CHECK: &str = "objects";
    // Probed here, whatever FILE_STORAGE_PROBE says about starts.
    let mut files = config.files.clone();
    files.probe = true;
    vec![match blobs::open(&files, &config.directory_sync).await {
        Ok(None) => Finding::skip(CHECK, "file storage is off", "set FILE_STORAGE_BACKEND to store files"),
        Ok(Some(_probed)) => Finding::ok(CHECK, "a test object was written, read and removed"),
        Err(error) => Finding::fail(CHECK, chain(&error), advice(&error)),
    }]
}

/// Fetches the key set of each issuer.
pub(super) async fn issuers(issuers: &[TrustedIssuer], source: &dyn KeySetSource) -> Vec<Finding> {
    join_all(issuers.iter().map(|issuer| key_set(issuer, source))).await
}

async fn key_set(issuer: &TrustedIssuer, source: &dyn KeySetSource) -> Finding {
    const CHECK: &str = "issuer-keys";
    let url = issuer.key_set_url();
    let fetched = source.fetch(url, FetchMode::Background).await;
    let parsed = fetched.and_then(|fetched| KeySet::parse(&fetched.body).map_err(KeySetError::from));
    match parsed {
        Ok(_usable) => Finding::ok(CHECK, format!("{} has usable keys", issuer.issuer())),
        Err(error) => {
            let error = anyhow::Error::from(error);
            Finding::fail(
                CHECK,
                format!("{url}: {}", chain(&error)),
                "check TRUSTED_ISSUERS, and that this machine reaches the URL; keys must be ES256",
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use less_sync_doctor::Verdict;

    use super::*;

    #[test]
    fn certificate_is_a_warning_before_its_end_and_a_failure_after_it() {
        const DAY: i64 = 24 * 60 * 60;
        let verdict = |left| validity("tls", left).verdict;
        assert_eq!([None, Some(15 * DAY)].map(verdict), [Verdict::Ok; 2]);
        assert_eq!([Some(14 * DAY - 1), Some(0)].map(verdict), [Verdict::Warn; 2]);
        assert_eq!(verdict(Some(-1)), Verdict::Fail);
    }
}
