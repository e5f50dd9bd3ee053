//! TLS configuration.

use std::sync::Arc;

use rustls::crypto::aws_lc_rs;
use rustls::{ClientConfig, RootCertStore};

/// Failure to configure TLS.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// No trusted certificates in the system.
    #[error("the system has no trusted certificates")]
    NoRoots,
    /// Missing algorithms in the cryptography provider.
    #[error("cannot configure TLS")]
    Provider(#[source] rustls::Error),
}

/// TLS configuration with the trusted certificates of the system.
///
/// Reads the certificates from disk, so share one configuration between dialers.
///
/// # Errors
/// See [`TlsError`].
pub fn native_roots() -> Result<Arc<ClientConfig>, TlsError> {
    let mut roots = RootCertStore::empty();
    let (added, _) = roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if added == 0 {
        return Err(TlsError::NoRoots);
    }
    let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(TlsError::Provider)?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::new(config))
}
