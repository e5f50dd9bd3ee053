//! TLS settings of the listener (operations §11.5).

use std::path::PathBuf;

use super::reader::Reader;

/// Certificate and key of the listener.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsConfig {
    /// File with the certificate chain in PEM, that of the server first (`TLS_CERT_FILE`).
    pub certificate: PathBuf,
    /// File with the private key in PEM (`TLS_KEY_FILE`).
    pub key: PathBuf,
}

pub(super) fn read(reader: &mut Reader<'_>) -> Option<TlsConfig> {
    let (certificate, key) = (reader.text("TLS_CERT_FILE"), reader.text("TLS_KEY_FILE"));
    match (certificate, key) {
        (None, None) => None,
        (Some(_), Some(_)) if cfg!(not(feature = "tls")) => {
            reader.problem(
                "this build has no TLS: build it with the feature tls, or put a proxy in front of it",
            );
            None
        }
        (Some(certificate), Some(key)) => {
            Some(TlsConfig { certificate: certificate.into(), key: key.into() })
        }
        (Some(_), None) | (None, Some(_)) => {
            reader.problem("TLS_CERT_FILE and TLS_KEY_FILE must be set together");
            None
        }
    }
}
