//! Downloads (`GET`), whole or from an offset (http §7.4, §7.5).

use std::time::Duration;

use bytes::Bytes;
use http::Method;
use http::header::{CONTENT_LENGTH, IF_RANGE, RANGE};
use reqwest::{Response, StatusCode};

use super::RemoteFile;
use super::error::FileError;
use super::head::FileHead;

/// Download in progress; dropping it aborts the transfer.
#[derive(Debug)]
pub struct Download {
    head: FileHead,
    from: u64,
    left: u64,
    response: Response,
    idle_timeout: Duration,
}

impl RemoteFile<'_> {
    /// Requests the bytes from offset `from` on. A file that was replaced is sent from its beginning: see
    /// [`Download::from`].
    ///
    /// # Errors
    /// See [`FileError`]; status 416 if `from` is beyond the end.
    pub async fn get(&self, from: u64) -> Result<Download, FileError> {
        let mut request = self.request(Method::GET);
        if from > 0 {
            // If-Range with the id as validator (http §7.4): without it, a replaced file would be resumed in the middle.
            request =
                request.header(RANGE, format!("bytes={from}-")).header(IF_RANGE, format!("\"{}\"", self.id));
        }
        let response = self.send(request).await?;
        let (from, head) = match response.status() {
            StatusCode::OK => (0, FileHead::parse(response.headers())?),
            StatusCode::PARTIAL_CONTENT => part(&response, from)?,
            _ => return Err(FileError::Malformed("neither a whole file nor a range")),
        };
        let left = head.size - from;
        Ok(Download { head, from, left, response, idle_timeout: self.client.idle_timeout })
    }
}

fn part(response: &Response, requested: u64) -> Result<(u64, FileHead), FileError> {
    let (from, head) = FileHead::parse_range(response.headers())?;
    let length = response.headers().get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    if from == requested && length == Some(head.size - from) {
        Ok((from, head))
    } else {
        Err(FileError::Malformed("another range than requested"))
    }
}

impl Download {
    /// Metadata of the file.
    #[must_use]
    pub fn head(&self) -> &FileHead {
        &self.head
    }

    /// Offset of the first byte: the requested one, or 0.
    #[must_use]
    pub fn from(&self) -> u64 {
        self.from
    }

    /// Next bytes; `None` after the last byte, if all were received.
    ///
    /// # Errors
    /// See [`FileError`].
    pub async fn next(&mut self) -> Result<Option<Bytes>, FileError> {
        let piece = tokio::time::timeout(self.idle_timeout, self.response.chunk()).await;
        let piece = piece.map_err(|_| FileError::Stalled)?.map_err(FileError::unreachable)?;
        match &piece {
            Some(bytes) => self.left = self.left.saturating_sub(bytes.len() as u64),
            None if self.left > 0 => return Err(FileError::Malformed("content shorter than announced")),
            None => {}
        }
        Ok(piece)
    }
}
