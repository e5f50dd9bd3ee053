//! Check of TLS: trusted chain, name, expiry.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use less_sync_client::{ServerUrl, native_roots};
use less_sync_doctor::{Finding, not_after};
use rustls::pki_types::ServerName;
use rustls::{CertificateError, ClientConfig, Error};
use time::OffsetDateTime;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

const CHECK: &str = "tls";

/// Timeout of the handshake.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Remaining validity below which a certificate should have been renewed: ACME clients renew 30 days before the end.
const RENEWAL: time::Duration = time::Duration::days(14);

/// Makes a TLS handshake with the address. Returns the configuration for further connections; without TLS an `Ok(None)`.
pub(super) async fn examine(
    url: &ServerUrl,
    host: &str,
    address: SocketAddr,
    now: OffsetDateTime,
) -> (Finding, Result<Option<Arc<ClientConfig>>, ()>) {
    if !url.is_encrypted() {
        let finding = if url.is_loopback() {
            Finding::ok(CHECK, "not encrypted, on this machine only")
        } else {
            let advice = "use https, with a proxy in front of the server (docs/operations.md)";
            Finding::warn(CHECK, "not encrypted: access tokens can be read on the way", advice)
        };
        return (finding, Ok(None));
    }
    let tls = match native_roots() {
        Ok(tls) => tls,
        Err(error) => {
            let advice = "install the package ca-certificates, or set SSL_CERT_FILE";
            return (Finding::fail(CHECK, error.to_string(), advice), Err(()));
        }
    };
    match timeout(TIMEOUT, handshake(&tls, host, address)).await {
        Err(_elapsed) => {
            let advice = "let the proxy serve TLS on this port";
            (Finding::fail(CHECK, "the handshake did not complete within 10 s", advice), Err(()))
        }
        Ok(Err(error)) => (rejected(&error), Err(())),
        Ok(Ok(stream)) => (described(&stream, now), Ok(Some(tls))),
    }
}

async fn handshake(
    tls: &Arc<ClientConfig>,
    host: &str,
    address: SocketAddr,
) -> std::io::Result<TlsStream<TcpStream>> {
    let name = ServerName::try_from(host.to_owned()).map_err(std::io::Error::other)?;
    let tcp = TcpStream::connect(address).await?;
    TlsConnector::from(tls.clone()).connect(name, tcp).await
}

fn described(stream: &TlsStream<TcpStream>, now: OffsetDateTime) -> Finding {
    let (_, session) = stream.get_ref();
    let version = session.protocol_version().and_then(|version| version.as_str()).unwrap_or("TLS");
    let version = version.replace('_', ".").replacen("TLSv", "TLS ", 1);
    let leaf = session.peer_certificates().and_then(<[_]>::first);
    let end = leaf.and_then(|leaf| OffsetDateTime::from_unix_timestamp(not_after(leaf)?).ok());
    match end {
        Some(end) if end - now < RENEWAL => Finding::warn(
            CHECK,
            format!("{version}, certificate ends on {}, in {} hours", end.date(), (end - now).whole_hours()),
            "renew the certificate, and find out why that did not happen by itself",
        ),
        Some(end) => {
            let days = (end - now).whole_days();
            Finding::ok(CHECK, format!("{version}, certificate ends on {}, in {days} days", end.date()))
        }
        None => Finding::ok(CHECK, format!("{version}, certificate accepted")),
    }
}

/// Finding about a handshake that failed, with the cause that the operator can mend.
fn rejected(error: &std::io::Error) -> Finding {
    let cause = error.get_ref().and_then(|inner| inner.downcast_ref::<Error>());
    let advice = match cause {
        Some(Error::InvalidCertificate(rejection)) => certificate_advice(rejection),
        Some(_) => "let the proxy serve TLS 1.2 or 1.3 with a current cipher suite",
        None => "let the proxy serve TLS on this port",
    };
    Finding::fail(CHECK, format!("handshake failed: {error}"), advice)
}

#[expect(clippy::wildcard_enum_match_arm, reason = "the library may add rejections; the text names them")]
fn certificate_advice(rejection: &CertificateError) -> &'static str {
    match rejection {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "renew the certificate, and reload the proxy"
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "check the clocks of this machine and of the issuer of the certificate"
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "request a certificate for the host name of the URL"
        }
        CertificateError::UnknownIssuer => {
            "let the proxy send the full chain (fullchain.pem), or trust a private authority with SSL_CERT_FILE"
        }
        _ => "replace the certificate",
    }
}
