//! Certificate and key files.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::{fs, io};

use less_sync_core::Timestamp;
use less_sync_doctor::not_after;
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem};
use sha2::{Digest as _, Sha256};

use crate::config::TlsConfig;

/// Unusable certificate or key file. Does not show the content.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TlsFileError {
    /// File that cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// Path as configured.
        path: PathBuf,
        /// Error of the operating system.
        #[source]
        source: io::Error,
    },
    /// File that is not PEM, or has no item of the expected kind.
    #[error("{} has no {wanted} in PEM", path.display())]
    Pem {
        /// Path as configured.
        path: PathBuf,
        /// Expected item.
        wanted: &'static str,
        /// Error of the parser.
        #[source]
        source: pem::Error,
    },
    /// Key of another certificate, or one that the library does not support.
    #[error("certificate and key cannot be used together")]
    Pair(#[source] rustls::Error),
    /// Certificate whose validity is over.
    #[error("{} has expired", .0.display())]
    Expired(PathBuf),
}

/// Configuration of new connections.
pub(super) struct Loaded {
    pub(super) config: Arc<ServerConfig>,
    pub(super) hash: [u8; 32],
    /// End of the validity of the certificate of the server, as Unix time in seconds.
    pub(super) not_after: Option<i64>,
}

impl Loaded {
    /// Returns whether the validity is over at `now`.
    pub(super) fn has_expired(&self, now: Timestamp) -> bool {
        self.not_after.is_some_and(|end| end < now.seconds())
    }
}

/// Reads both files and checks that they belong together.
pub(super) fn load(files: &TlsConfig) -> Result<Loaded, TlsFileError> {
    let (certificate, key) = (read(&files.certificate)?, read(&files.key)?);
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(&certificate)
        .collect::<Result<_, _>>()
        .and_then(|chain: Vec<_>| if chain.is_empty() { Err(pem::Error::NoItemsFound) } else { Ok(chain) })
        .map_err(|source| TlsFileError::Pem {
            path: files.certificate.clone(),
            wanted: "certificate",
            source,
        })?;
    let private = PrivateKeyDer::from_pem_slice(&key).map_err(|source| TlsFileError::Pem {
        path: files.key.clone(),
        wanted: "private key",
        source,
    })?;
    let end = chain.first().and_then(|leaf| not_after(leaf));
    let builder = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()));
    let builder = builder.with_safe_default_protocol_versions().map_err(TlsFileError::Pair)?;
    let mut config =
        builder.with_no_client_auth().with_single_cert(chain, private).map_err(TlsFileError::Pair)?;
    // The upgrade of WebSockets needs HTTP/1.1.
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Loaded { config: Arc::new(config), hash: hash_of(&certificate, &key), not_after: end })
}

/// Hash of both files.
pub(super) fn hash(files: &TlsConfig) -> Result<[u8; 32], TlsFileError> {
    Ok(hash_of(&read(&files.certificate)?, &read(&files.key)?))
}

fn hash_of(certificate: &[u8], key: &[u8]) -> [u8; 32] {
    // Hashed separately, so that no byte can move from one file to the other.
    Sha256::new()
        .chain_update(Sha256::digest(certificate))
        .chain_update(Sha256::digest(key))
        .finalize()
        .into()
}

fn read(path: &Path) -> Result<Vec<u8>, TlsFileError> {
    fs::read(path).map_err(|source| TlsFileError::Read { path: path.to_owned(), source })
}
