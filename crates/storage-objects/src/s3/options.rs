//! Options of an S3 bucket: address, credentials, timeouts and retries.

use std::time::Duration;

use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::{BackoffConfig, RetryConfig};
use secrecy::{ExposeSecret, SecretString};
use url::Url;

use super::http::Connector;
use super::timeouts::Timeouts;

/// Address and credentials of a bucket, and the timeouts of its requests (operations §2.5).
#[derive(Clone, Debug)]
pub struct S3Options {
    /// Host of the service, with or without a scheme: `https://s3.example`, `minio:9000`. Path-style addressing.
    pub endpoint: String,
    /// Use of TLS if the endpoint has no scheme.
    pub use_ssl: bool,
    /// Region of the bucket.
    pub region: String,
    /// Name of the bucket.
    pub bucket: String,
    /// Access key id.
    pub access_key: String,
    /// Secret access key.
    pub secret_key: SecretString,
    /// Timeouts of requests.
    pub timeouts: Timeouts,
    /// Retries of failed requests.
    pub retry: RetryPolicy,
}

/// Retries of failed requests, with exponential backoff from 100 ms to 1 s.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryPolicy {
    /// Maximum retries after the first attempt; 2 by default.
    pub retries: usize,
    /// Maximum time from the first attempt to the start of a retry; 5 s by default.
    pub within: Duration,
}

impl Default for RetryPolicy {
    /// With the default timeouts, requests to an unreachable host fail after some 6 s, those to a hanging one after 10 s.
    fn default() -> Self {
        Self { retries: 2, within: Duration::from_secs(5) }
    }
}

/// Invalid [`S3Options`].
#[derive(Debug, thiserror::Error)]
pub enum InvalidS3Options {
    /// The endpoint is not the address of an HTTP server.
    #[error("endpoint is not a host with a port, nor an http or https url of one")]
    Endpoint,
    /// The client library rejected the options.
    #[error("failed to create a client for the object store")]
    Client(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl S3Options {
    pub(super) fn connect(&self) -> Result<AmazonS3, InvalidS3Options> {
        AmazonS3Builder::new()
            .with_endpoint(self.base()?)
            .with_virtual_hosted_style_request(false)
            .with_region(&self.region)
            .with_bucket_name(&self.bucket)
            .with_access_key_id(&self.access_key)
            .with_secret_access_key(self.secret_key.expose_secret())
            // Not every compatible service supports bulk deletion.
            .with_disable_bulk_delete(true)
            .with_retry(self.retry.config())
            .with_http_connector(Connector::new(self.timeouts))
            .build()
            .map_err(|rejected| InvalidS3Options::Client(Box::new(rejected)))
    }

    /// URL of the service, without a trailing `/`.
    fn base(&self) -> Result<String, InvalidS3Options> {
        let scheme = if self.use_ssl { "https" } else { "http" };
        let text = match self.endpoint.split_once("://") {
            Some(_) => self.endpoint.clone(),
            None => format!("{scheme}://{}", self.endpoint),
        };
        let url = Url::parse(&text).map_err(|_| InvalidS3Options::Endpoint)?;
        let plain = url.username().is_empty() && url.password().is_none();
        let short = url.query().is_none() && url.fragment().is_none();
        if matches!(url.scheme(), "http" | "https") && url.has_host() && plain && short {
            Ok(url.as_str().trim_end_matches('/').to_owned())
        } else {
            Err(InvalidS3Options::Endpoint)
        }
    }
}

impl RetryPolicy {
    fn config(&self) -> RetryConfig {
        let backoff = BackoffConfig {
            init_backoff: Duration::from_millis(100),
            max_backoff: Duration::from_secs(1),
            base: 2.0,
        };
        RetryConfig { backoff, max_retries: self.retries, retry_timeout: self.within }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(endpoint: &str, use_ssl: bool) -> S3Options {
        S3Options {
            endpoint: endpoint.to_owned(),
            use_ssl,
            region: "us-east-1".to_owned(),
            bucket: "files".to_owned(),
            access_key: "key".to_owned(),
            secret_key: "hidden".into(),
            timeouts: Timeouts::default(),
            retry: RetryPolicy::default(),
        }
    }

    /// Operations §2.5: `FILE_S3_USE_SSL` decides only where the endpoint has no scheme.
    #[test]
    fn scheme_of_the_endpoint_overrides_the_option() {
        for (endpoint, use_ssl, base) in [
            ("minio:9000", true, "https://minio:9000"),
            ("minio:9000", false, "http://minio:9000"),
            ("http://minio:9000", true, "http://minio:9000"),
            ("https://s3.example", false, "https://s3.example"),
            ("https://s3.example/", true, "https://s3.example"),
            ("s3.example/below", true, "https://s3.example/below"),
            ("[::1]:9000", false, "http://[::1]:9000"),
        ] {
            assert_eq!(options(endpoint, use_ssl).base().unwrap(), base, "{endpoint} {use_ssl}");
        }
    }

    #[test]
    fn invalid_endpoint_is_rejected() {
        for endpoint in ["", "ftp://s3.example", "https://", "https://a b", "http://u:p@h", "h?x=y", "h#x"] {
            let rejected = options(endpoint, true).base();
            assert!(matches!(rejected, Err(InvalidS3Options::Endpoint)), "{endpoint}: {rejected:?}");
        }
    }

    #[test]
    fn secret_is_not_shown() {
        assert!(!format!("{:?}", options("h", true)).contains("hidden"));
    }

    #[test]
    fn client_is_created_for_both_schemes() {
        for use_ssl in [true, false] {
            options("localhost:1", use_ssl).connect().unwrap();
        }
    }
}
