//! Check with a real file: upload, download as a browser requests it, deletion (http §7).

use std::convert::Infallible;
use std::time::Duration;

use anyhow::{Context as _, bail};
use bytes::Bytes;
use futures_util::stream;
use http::header::{ACCEPT_ENCODING, AUTHORIZATION};
use http::{HeaderValue, Method};
use less_sync_client::{AccessToken, Auth, Change, FileClient, FileError, Options, RemoteFile, Upload};
use less_sync_core::{Dek, FileId, RecordId, SpaceId};
use less_sync_doctor::Finding;
use uuid::Uuid;

use super::health::CODINGS;
use super::site::Site;
use crate::target::Target;

const CHECK: &str = "file";

/// Size of the pieces of the body, in bytes.
const PIECE: usize = 64 * 1024;

/// Time without progress after which an upload or a deletion fails: shorter than that of other commands, so that the report
/// names the step that stalled.
const STALLED: Duration = Duration::from_secs(20);

/// Uploads a file of `length` zero bytes to a record of its own, downloads it with the content codings of a browser, and
/// deletes both.
pub(super) async fn examine(
    site: &Site,
    target: &Target,
    user: Option<(&AccessToken, SpaceId)>,
    length: u64,
) -> Vec<Finding> {
    let Some((token, space)) = user else {
        let advice = "give --token, and --space if the token names no personal space";
        return vec![Finding::skip(CHECK, "no space to upload to", advice)];
    };
    vec![match round_trip(site, target, token, space, length).await {
        Ok(finding) => finding,
        Err(error) => {
            let of_proxy = error.chain().any(is_of_proxy);
            let advice = if of_proxy {
                "raise the body limit and the timeouts of the proxy (nginx: client_max_body_size; Caddy: request_body)"
            } else {
                "look at the log of the proxy and of the server"
            };
            Finding::fail(CHECK, format!("{error:#}"), advice)
        }
    }]
}

fn is_of_proxy(error: &(dyn std::error::Error + 'static)) -> bool {
    let status = error.downcast_ref::<FileError>().and_then(FileError::status);
    status.is_some_and(|status| matches!(status.as_u16(), 413 | 502 | 504))
}

async fn round_trip(
    site: &Site,
    target: &Target,
    token: &AccessToken,
    space: SpaceId,
    length: u64,
) -> anyhow::Result<Finding> {
    let dialer = target.dialer(Options::default()).map_err(crate::failure::Failure::into_error)?;
    let (connection, _events) = dialer.dial(Auth::Token(token.clone())).await.context("cannot connect")?;
    let (record, file) = (RecordId::from_bytes(random()), FileId::from_bytes(random()));
    let cursor =
        connection.push(space, &[Change::create(record, "")]).await.context("cannot create a record")?;
    let files = FileClient::new(target.url.base())?.with_idle_timeout(STALLED);
    let remote = files.file(token, space.into(), file);
    let transferred = transfer(site, token, &remote, (space, file), record, length).await;
    // Also after a failure: nothing of the check stays.
    let deleted = remote.delete().await.context("cannot delete the file");
    let tombstone = connection.push(space, &[Change::delete(record, cursor)]).await;
    connection.close().await;
    let finding = transferred?;
    deleted?;
    tombstone.context("cannot delete the record")?;
    Ok(finding)
}

async fn transfer(
    site: &Site,
    token: &AccessToken,
    remote: &RemoteFile<'_>,
    (space, file): (SpaceId, FileId),
    owner: RecordId,
    length: u64,
) -> anyhow::Result<Finding> {
    let mut dek = [0; Dek::LENGTH];
    // Epoch 1, as that of a personal space.
    dek[3] = 1;
    let upload = Upload { owner, dek: Dek::from_bytes(dek), size: length, sha256: None };
    remote.put(&upload, stream::iter(zeros(length))).await.context("upload failed")?;
    let base = site.url.websocket_path();
    let base = base.strip_suffix("/ws").unwrap_or_default();
    let mut request = site.request(Method::GET, &format!("{base}/spaces/{space}/files/{file}"));
    let headers = request.headers_mut();
    headers.insert(ACCEPT_ENCODING, HeaderValue::from_static(CODINGS));
    headers.insert(AUTHORIZATION, HeaderValue::from_str(&format!("Bearer {}", token.expose()))?);
    let answer = site.send(request).await.context("download failed")?;
    if answer.status != 200 {
        bail!("download failed: {}", answer.summary());
    }
    Ok(match answer.header("content-encoding") {
        "" => Finding::ok(CHECK, format!("{length} bytes uploaded, downloaded and deleted")),
        coding => Finding::fail(
            CHECK,
            format!("the proxy compresses files: {coding}"),
            "exclude application/octet-stream from compression: files are ciphertext, and ranges break",
        ),
    })
}

/// Pieces of a body of zero bytes.
fn zeros(size: u64) -> impl Iterator<Item = Result<Bytes, Infallible>> + Send + 'static {
    static ZEROS: [u8; PIECE] = [0; PIECE];
    let (whole, rest) = (size / PIECE as u64, usize::try_from(size % PIECE as u64).unwrap_or_default());
    let last = (rest > 0).then(|| Bytes::from(vec![0; rest]));
    (0..whole).map(|_| Bytes::from_static(&ZEROS)).chain(last).map(Ok)
}

#[expect(
    clippy::disallowed_methods,
    reason = "ids of a record and a file, made where the command is composed"
)]
fn random() -> [u8; 16] {
    Uuid::new_v4().into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_add_up_to_the_size() {
        for size in [0, 1, PIECE as u64, PIECE as u64 * 3 + 7] {
            assert_eq!(zeros(size).map(|piece| piece.unwrap().len() as u64).sum::<u64>(), size);
        }
    }
}
