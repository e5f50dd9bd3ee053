//! `GET`: a file, or the rest of one (http §7.4, §7.5).

use std::time::Duration;

use bytes::Bytes;
use http::Method;
use http::header::{CONTENT_LENGTH, IF_RANGE, RANGE};
use reqwest::{Response, StatusCode};

use super::RemoteFile;
use super::error::FileError;
use super::head::FileHead;

/// A file that is coming. Dropping it ends the transfer.
#[derive(Debug)]
pub struct Download {
    head: FileHead,
    from: u64,
    left: u64,
    response: Response,
    idle_timeout: Duration,
}

impl RemoteFile<'_> {
    /// Asks for the bytes from `from` on. A file that has changed since comes from its beginning: look at
    /// [`Download::from`].
    ///
    /// # Errors
    /// See [`FileError`]; 416 when the file has no such byte.
    pub async fn get(&self, from: u64) -> Result<Download, FileError> {
        let mut request = self.request(Method::GET);
        if from > 0 {
            // The validator of a file is its id (http §7.4).
            request =
                request.header(RANGE, format!("bytes={from}-")).header(IF_RANGE, format!("\"{}\"", self.id));
        }
        let response = self.send(request).await?;
        let (from, head) = match response.status() {
            StatusCode::OK => (0, FileHead::read(response.headers())?),
            StatusCode::PARTIAL_CONTENT => part(&response, from)?,
            _ => return Err(FileError::Malformed("it is neither a file nor a part of one")),
        };
        let left = head.size - from;
        Ok(Download { head, from, left, response, idle_timeout: self.client.idle_timeout })
    }
}

fn part(response: &Response, asked: u64) -> Result<(u64, FileHead), FileError> {
    let (from, head) = FileHead::read_part(response.headers())?;
    let length = response.headers().get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    if from == asked && length == Some(head.size - from) {
        Ok((from, head))
    } else {
        Err(FileError::Malformed("it is another part than the one asked for"))
    }
}

impl Download {
    /// What there is to know about the file.
    #[must_use]
    pub fn head(&self) -> &FileHead {
        &self.head
    }

    /// Where it begins: where it was asked to, or at 0.
    #[must_use]
    pub fn from(&self) -> u64 {
        self.from
    }

    /// The next bytes; `None` after the last, and only if all have come.
    ///
    /// # Errors
    /// The connection broke off, or nothing moves any more.
    pub async fn next(&mut self) -> Result<Option<Bytes>, FileError> {
        let piece = tokio::time::timeout(self.idle_timeout, self.response.chunk()).await;
        let piece = piece.map_err(|_| FileError::Stalled)?.map_err(FileError::unreachable)?;
        match &piece {
            Some(bytes) => self.left = self.left.saturating_sub(bytes.len() as u64),
            None if self.left > 0 => return Err(FileError::Malformed("it is shorter than announced")),
            None => {}
        }
        Ok(piece)
    }
}
