//! Mapping of object store errors to [`BlobError`], by their types and never by their text (storage §4.8).

use std::error::Error;

use less_sync_storage::BlobError;
use object_store::client::HttpError;

use super::http::ServerError;

/// Insufficient storage (RFC 4918 §11.5).
const INSUFFICIENT_STORAGE: u16 = 507;

/// Maps an error of an operation that does not read an object; "not found" then means the upload or the bucket.
pub(super) fn blob_error(error: object_store::Error) -> BlobError {
    let Some(transport) = find::<HttpError>(&error) else { return BlobError::Failed(Box::new(error)) };
    match find::<ServerError>(transport) {
        Some(ServerError::Status(INSUFFICIENT_STORAGE)) => BlobError::Full(Box::new(error)),
        Some(ServerError::NoBucket) => BlobError::Failed(Box::new(error)),
        Some(ServerError::Status(_)) | None => BlobError::Unavailable(Box::new(error)),
    }
}

/// Maps an error of the reading of an object.
pub(super) fn open_error(error: object_store::Error) -> BlobError {
    if matches!(error, object_store::Error::NotFound { .. }) {
        BlobError::NotFound
    } else {
        blob_error(error)
    }
}

/// The first error of the source chain with type `T`.
fn find<'a, T: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a T> {
    std::iter::successors(Some(error), |&error| error.source()).find_map(|error| error.downcast_ref())
}

#[cfg(test)]
mod tests {
    use std::io;

    use object_store::client::HttpErrorKind;

    use super::*;

    fn generic(source: impl Error + Send + Sync + 'static) -> object_store::Error {
        object_store::Error::Generic { store: "S3", source: Box::new(source) }
    }

    fn status(status: u16) -> object_store::Error {
        generic(HttpError::new(HttpErrorKind::Request, ServerError::Status(status)))
    }

    #[test]
    fn store_that_does_not_respond_is_unavailable() {
        for kind in [HttpErrorKind::Connect, HttpErrorKind::Timeout, HttpErrorKind::Unknown] {
            let error = generic(HttpError::new(kind, io::Error::from(io::ErrorKind::ConnectionReset)));
            assert!(matches!(blob_error(error), BlobError::Unavailable(_)), "{kind:?}");
        }
        assert!(matches!(blob_error(status(503)), BlobError::Unavailable(_)));
    }

    #[test]
    fn full_store_is_full() {
        assert!(matches!(blob_error(status(507)), BlobError::Full(_)));
    }

    #[test]
    fn missing_bucket_is_not_a_missing_object() {
        let error = || generic(HttpError::new(HttpErrorKind::Unknown, ServerError::NoBucket));
        assert!(matches!(blob_error(error()), BlobError::Failed(_)));
        assert!(matches!(open_error(error()), BlobError::Failed(_)));
    }

    #[test]
    fn rejected_request_is_a_failure() {
        assert!(matches!(
            blob_error(generic(io::Error::from(io::ErrorKind::TimedOut))),
            BlobError::Failed(_)
        ));
    }

    #[test]
    fn only_reading_reports_a_missing_object() {
        let missing = || object_store::Error::NotFound { path: String::new(), source: "none".into() };
        assert!(matches!(open_error(missing()), BlobError::NotFound));
        assert!(matches!(blob_error(missing()), BlobError::Failed(_)));
    }
}
