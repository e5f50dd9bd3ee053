//! Files over HTTP: upload, download with ranges, metadata, deletion (http §7).
//!
//! [`FileClient`] streams opaque bytes in both directions. [`crypto`](crate::crypto) encrypts them, and [`FileDescription`]
//! is the content of the record that owns a file. Requests are not retried: [`FileError::is_transient`] tells which errors
//! are worth a retry.
//!
//! ```no_run
//! use bytes::Bytes;
//! use futures_util::stream;
//! use less_sync_client::{AccessToken, FileClient, Upload};
//! use less_sync_core::{Dek, FileId, RecordId, SpaceId};
//!
//! # async fn example(token: AccessToken, space: SpaceId, file: FileId, owner: RecordId, dek: Dek) -> Result<(), Box<dyn std::error::Error>> {
//! let files = FileClient::new("http://127.0.0.1:5379/api/v1")?;
//! let remote = files.file(&token, space.into(), file);
//! let content = stream::iter([Ok::<_, std::io::Error>(Bytes::from_static(b"ciphertext"))]);
//! remote.put(&Upload { owner, dek, size: 10, sha256: None }, content).await?;
//!
//! let mut download = remote.get(4).await?;
//! while let Some(bytes) = download.next().await? {
//!     println!("{} of {}", bytes.len(), download.head().size);
//! }
//! # Ok(())
//! # }
//! ```

mod description;
mod digest;
mod download;
mod error;
mod head;
mod upload;

use std::time::Duration;

use http::Method;
use reqwest::redirect::Policy;
use reqwest::{Client, RequestBuilder, Response, StatusCode};
use url::Url;

use crate::access::Access;
use crate::endpoint::{Endpoint, InvalidEndpoint};
use crate::token::AccessToken;
use less_sync_core::FileId;

pub use description::{FileDescription, NotAFile};
pub use download::Download;
pub use error::FileError;
pub use head::FileHead;
pub use upload::{Stored, Upload};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Default time without progress after which a request fails.
const IDLE_TIMEOUT: Duration = Duration::from_mins(1);

/// Client of the file routes of one server. Cheap to clone; clones share connections.
#[derive(Clone, Debug)]
pub struct FileClient {
    http: Client,
    base: Url,
    idle_timeout: Duration,
}

/// File of a space, with credentials.
#[derive(Clone, Copy, Debug)]
pub struct RemoteFile<'a> {
    client: &'a FileClient,
    token: &'a AccessToken,
    access: Access<'a>,
    id: FileId,
}

impl FileClient {
    /// Client for the API at `base`, an `http(s)` or `ws(s)` URL. Without proxies and redirects, so that tokens are sent to
    /// this server only.
    ///
    /// # Errors
    /// [`FileError::Address`], or TLS cannot be configured.
    pub fn new(base: &str) -> Result<Self, FileError> {
        let http = Client::builder().connect_timeout(CONNECT_TIMEOUT).redirect(Policy::none()).no_proxy();
        let http = http.build().map_err(FileError::unreachable)?;
        Ok(Self { http, base: http_url(base)?, idle_timeout: IDLE_TIMEOUT })
    }

    /// Sets the time without progress after which a request fails. Default: 1 minute.
    #[must_use]
    pub fn with_idle_timeout(mut self, timeout: Duration) -> Self {
        self.idle_timeout = timeout;
        self
    }

    /// File `id` of a space, accessed with these credentials.
    #[must_use]
    pub fn file<'a>(&'a self, token: &'a AccessToken, access: Access<'a>, id: FileId) -> RemoteFile<'a> {
        RemoteFile { client: self, token, access, id }
    }
}

impl RemoteFile<'_> {
    /// Fetches the metadata of the file.
    ///
    /// # Errors
    /// See [`FileError`]. Rejections have a generic text, because a response to HEAD has no body.
    pub async fn head(&self) -> Result<FileHead, FileError> {
        let response = self.send(self.request(Method::HEAD)).await?;
        FileHead::parse(response.headers())
    }

    /// Deletes the file; succeeds for a deleted or unknown one. Idempotent.
    ///
    /// # Errors
    /// See [`FileError`].
    pub async fn delete(&self) -> Result<(), FileError> {
        self.send(self.request(Method::DELETE)).await.map(drop)
    }

    fn request(&self, method: Method) -> RequestBuilder {
        let request = self.client.http.request(method, self.url()).bearer_auth(self.token.expose());
        match self.access.ucan {
            Some(ucan) => request.header("x-ucan", ucan),
            None => request,
        }
    }

    fn url(&self) -> Url {
        let mut url = self.client.base.clone();
        let base = url.path().trim_end_matches('/').to_owned();
        url.set_path(&format!("{base}/spaces/{}/files/{}", self.access.space, self.id));
        url
    }

    /// Sends a request; returns the head of a successful response.
    async fn send(&self, request: RequestBuilder) -> Result<Response, FileError> {
        let sent = tokio::time::timeout(self.client.idle_timeout, request.send());
        let response = sent.await.map_err(|_| FileError::Stalled)?.map_err(FileError::unreachable)?;
        self.accept(response).await
    }

    async fn accept(&self, response: Response) -> Result<Response, FileError> {
        let is_expected = matches!(
            response.status(),
            StatusCode::OK | StatusCode::PARTIAL_CONTENT | StatusCode::CREATED | StatusCode::NO_CONTENT
        );
        if is_expected {
            return Ok(response);
        }
        Err(error::rejection(response, self.client.idle_timeout).await)
    }
}

/// The same server over HTTP, by the rules of [`Endpoint`].
fn http_url(base: &str) -> Result<Url, FileError> {
    let endpoint = Endpoint::exact(base).map_err(FileError::Address)?;
    let scheme = if endpoint.is_encrypted() { "https" } else { "http" };
    // Rebuilt from its text: `Url::set_scheme` does not cross over to http.
    let rest = endpoint.url().as_str().split_once(':').map_or("", |(_, rest)| rest);
    let mut url = Url::parse(&format!("{scheme}:{rest}"))
        .map_err(|error| FileError::Address(InvalidEndpoint::NotAUrl(error)))?;
    url.set_query(None);
    Ok(url)
}

#[cfg(test)]
mod tests {
    use less_sync_core::SpaceId;
    use pretty_assertions::assert_eq;

    use super::*;

    #[test]
    fn files_are_below_the_api_for_every_form_of_its_address() {
        let (token, space, id) =
            (AccessToken::from("t"), SpaceId::from_bytes([1; 16]), FileId::from_bytes([2; 16]));
        for (base, expected) in [
            ("http://127.0.0.1:1/api/v1", "http://127.0.0.1:1/api/v1"),
            ("wss://sync.example/api/v1/?x=1#y", "https://sync.example/api/v1"),
            ("ws://[::1]:5/", "http://[::1]:5"),
        ] {
            let client = FileClient::new(base).unwrap();
            let url = client.file(&token, space.into(), id).url();
            assert_eq!(url.as_str(), format!("{expected}/spaces/{space}/files/{id}"));
        }
        assert!(matches!(FileClient::new("ftp://x"), Err(FileError::Address(_))));
    }
}
