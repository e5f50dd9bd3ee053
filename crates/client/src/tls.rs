//! Encrypted connections.

use std::sync::Arc;

use rustls::crypto::aws_lc_rs;
use rustls::{ClientConfig, RootCertStore};

/// No way to check certificates.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The system trusts nobody.
    #[error("the system has no trusted certificates")]
    NoRoots,
    /// The cryptography provider lacks what TLS needs.
    #[error("TLS cannot be configured")]
    Provider(#[source] rustls::Error),
}

/// TLS that trusts whom the system trusts, with the one cryptography provider of this workspace.
///
/// Reads the certificates of the system, so make it once.
///
/// # Errors
/// There are none.
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
