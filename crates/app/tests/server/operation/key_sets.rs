//! Fetching of key sets (auth §3.3, S-04).

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use less_sync_app::HttpKeySets;
use less_sync_auth::KeySet;
use less_sync_auth::jwks::KeySetInvalid;
use less_sync_engine::{FetchMode, FetchedKeySet, KeySetError, KeySetSource as _};
use less_sync_test_support::{Behaviour, Issuer, ManualClock, TestServer, within};
use serde_json::{Value, json};

async fn issuer(behaviour: Behaviour) -> Issuer {
    let issuer = Issuer::start(Arc::new(ManualClock::new())).await;
    issuer.behave(behaviour);
    issuer
}

async fn fetch(url: &str) -> Result<FetchedKeySet, KeySetError> {
    let url = url.parse().unwrap();
    within("the end of a fetch", HttpKeySets::default().fetch(&url, FetchMode::Foreground)).await
}

#[tokio::test]
async fn a_document_is_returned_unchanged() {
    let issuer = issuer(Behaviour::Healthy).await;
    let fetched = fetch(&issuer.key_set_url()).await.unwrap();
    assert!(KeySet::parse(&fetched.body).is_ok());
    assert_eq!(fetched.max_age, None);
}

#[tokio::test]
async fn redirects_are_not_followed() {
    let issuer = issuer(Behaviour::Redirect).await;
    let error = fetch(&issuer.key_set_url()).await.unwrap_err();
    assert!(matches!(error, KeySetError::Status(302)), "{error:?}");
    assert_eq!(issuer.fetches(), 1);
}

#[tokio::test]
async fn other_statuses_are_failures() {
    for status in [204, 404, 503] {
        let issuer = issuer(Behaviour::Status(status)).await;
        let error = fetch(&issuer.key_set_url()).await.unwrap_err();
        assert!(matches!(error, KeySetError::Status(found) if found == status), "{error:?}");
    }
}

#[tokio::test]
async fn a_document_over_a_mebibyte_is_not_read_to_its_end() {
    let issuer = issuer(Behaviour::Oversized).await;
    let error = fetch(&issuer.key_set_url()).await.unwrap_err();
    assert!(matches!(error, KeySetError::Invalid(KeySetInvalid::TooLarge)), "{error:?}");
}

#[tokio::test]
async fn refused_connection_is_a_failure_without_the_address_in_it() {
    let error = fetch("http://127.0.0.1:1/secret-path").await.unwrap_err();
    assert!(matches!(error, KeySetError::Unreachable(_)), "{error:?}");
    assert!(!format!("{error:?}").contains("secret-path"));
}

/// Time is paused: it jumps to the timeout as soon as all tasks wait.
#[tokio::test]
async fn an_endpoint_that_hangs_times_out() {
    let issuer = issuer(Behaviour::Hang).await;
    let url = issuer.key_set_url().parse().unwrap();
    let key_sets = HttpKeySets::default();
    let mut fetch = std::pin::pin!(key_sets.fetch(&url, FetchMode::Foreground));
    tokio::select! {
        _ = &mut fetch => {}
        () = issuer.until_fetched(1) => {}
    }
    tokio::time::pause();
    let error = fetch.await.unwrap_err();
    assert!(matches!(error, KeySetError::TimedOut), "{error:?}");
}

/// The roots of the system are loaded, and a server without TLS is rejected.
#[tokio::test]
async fn https_issuers_require_tls() {
    let issuer = issuer(Behaviour::Healthy).await;
    let error = fetch(&issuer.key_set_url().replace("http://", "https://")).await.unwrap_err();
    assert!(matches!(error, KeySetError::Unreachable(_)), "{error:?}");
    assert_eq!(issuer.fetches(), 0);
}

/// Log lines of the thread of a test.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Log {
    fn lines_with(&self, text: &str) -> Vec<String> {
        let log = String::from_utf8(self.0.lock().unwrap().clone()).unwrap();
        log.lines().filter(|line| line.contains(text)).map(str::to_owned).collect()
    }
}

/// A key without an id, `null` for absent members, padded coordinates, a byte-order mark, an RSA key beside it; tokens of the
/// type JOSE without a key id, and times with a fraction.
fn as_published_elsewhere(document: &Value) -> String {
    let mut key = document["keys"].as_array().unwrap().last().unwrap().clone();
    for name in ["use", "alg", "key_ops", "kid"] {
        key[name] = Value::Null;
    }
    for name in ["x", "y"] {
        key[name] = format!("{}=", key[name].as_str().unwrap()).into();
    }
    let other = json!({ "kty": "RSA", "kid": "rsa-1", "n": "AQAB", "e": "AQAB" });
    format!("\u{feff}{}", json!({ "keys": [other, key] }))
}

#[tokio::test]
async fn key_set_and_tokens_of_another_issuer_software_are_accepted() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone()).finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    let server = TestServer::start().await;
    server.raw("alice").await.assert_alive().await;
    server.issuer().rotate_in_secret();
    server.issuer().publish_as(|document| as_published_elsewhere(&document));
    let expiry = server.issuer().now().seconds() + 900;
    let claims = server.issuer().claims("alice").with("exp", f64::from(u32::try_from(expiry).unwrap()) + 0.5);
    let token = server.issuer().mint_with_header(&json!({ "alg": "ES256", "typ": "JOSE" }), &claims);
    server.raw_with_token(&token).await.assert_alive().await;
    let skipped = log.lines_with("entries skipped");
    assert_eq!(skipped.len(), 1, "{skipped:?}");
    assert!(skipped[0].contains(r#"key 0 "rsa-1": kty is not EC"#), "{skipped:?}");
    assert!(skipped[0].contains("INFO"), "{skipped:?}");
}
