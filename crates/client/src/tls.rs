//! TLS configuration.

use std::error::Error;
use std::io;
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

/// Returns whether `error` is the rejection of the certificate of a server, also within an I/O error.
#[must_use]
pub fn is_certificate_error(error: &(dyn Error + 'static)) -> bool {
    let content = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
    let rejected = error.downcast_ref().or_else(|| content?.downcast_ref());
    matches!(rejected, Some(rustls::Error::InvalidCertificate(_)))
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

#[cfg(test)]
mod tests {
    use rustls::{CertificateError, Error};

    use super::*;

    #[test]
    fn rejected_certificate_is_found_within_an_io_error() {
        let rejected = || Error::InvalidCertificate(CertificateError::UnknownIssuer);
        assert!(is_certificate_error(&rejected()));
        assert!(is_certificate_error(&io::Error::new(io::ErrorKind::InvalidData, rejected())));
        assert!(!is_certificate_error(&io::Error::other(Error::DecryptError)));
        assert!(!is_certificate_error(&Error::DecryptError));
    }
}
