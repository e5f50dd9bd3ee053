//! Where the bucket is, who we are there, and how long we wait.

use std::time::Duration;

use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::{BackoffConfig, RetryConfig};
use secrecy::{ExposeSecret, SecretString};
use url::Url;

use super::http::Connector;

/// What has to be said about a bucket (operations §2.5).
#[derive(Clone, Debug)]
pub struct S3Options {
    /// Its server, with or without a scheme: `https://s3.example`, `minio:9000`. Buckets are addressed by path.
    pub endpoint: String,
    /// Whether to use TLS where the endpoint has no scheme.
    pub use_ssl: bool,
    /// Its region.
    pub region: String,
    /// Its name.
    pub bucket: String,
    /// Who we are.
    pub access_key: String,
    /// How we prove it.
    pub secret_key: SecretString,
    /// How long we wait.
    pub patience: Patience,
}

/// How long to wait for a server, and how often to try again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// For a connection.
    pub connect: Duration,
    /// For the head of an answer to a request without a body.
    pub answer: Duration,
    /// For a request with a body and the head of its answer; 5 MiB have to pass in that time.
    pub transfer: Duration,
    /// For the next bytes of an object that is being read.
    pub stall: Duration,
    /// Further attempts, all of them begun within [`Patience::retry_within`].
    pub retries: usize,
    /// How long after its begin a request may be tried again.
    pub retry_within: Duration,
}

impl Default for Patience {
    /// A server that is not there is given up after some six seconds, one that hangs after ten.
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(2),
            answer: Duration::from_secs(10),
            transfer: Duration::from_mins(1),
            stall: Duration::from_secs(30),
            retries: 2,
            retry_within: Duration::from_secs(5),
        }
    }
}

/// Options that no bucket can be reached with.
#[derive(Debug, thiserror::Error)]
pub enum InvalidS3Options {
    /// The endpoint is no address of an HTTP server.
    #[error("endpoint is not a host with a port, nor an http or https url of one")]
    Endpoint,
    /// The client rejects them.
    #[error("no client for the object store")]
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
            // Not every store knows the deletion of many objects at once.
            .with_disable_bulk_delete(true)
            .with_retry(self.patience.retry())
            .with_http_connector(Connector::new(self.patience))
            .build()
            .map_err(|rejected| InvalidS3Options::Client(Box::new(rejected)))
    }

    /// The URL of the server, without a `/` at the end.
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

impl Patience {
    fn retry(&self) -> RetryConfig {
        let backoff = BackoffConfig {
            init_backoff: Duration::from_millis(100),
            max_backoff: Duration::from_secs(1),
            base: 2.0,
        };
        RetryConfig { backoff, max_retries: self.retries, retry_timeout: self.retry_within }
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
            patience: Patience::default(),
        }
    }

    /// Operations §2.5: `FILE_S3_USE_SSL` decides only where the endpoint has no scheme.
    #[test]
    fn scheme_of_the_endpoint_goes_before_the_option() {
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
    fn endpoint_that_is_no_server_is_rejected() {
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
    fn client_is_made_for_both_schemes() {
        for use_ssl in [true, false] {
            options("localhost:1", use_ssl).connect().unwrap();
        }
    }
}
