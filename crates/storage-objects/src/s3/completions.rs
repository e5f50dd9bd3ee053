//! Requests that make an object, and the deletions that wait for them.

use std::collections::HashMap;
use std::sync::Arc;

use less_sync_storage::BlobError;
use object_store::path::Path;
use parking_lot::Mutex;
use tokio_util::task::TaskTracker;

/// Requests in flight that make an object, by its path.
///
/// A service may execute a request whose client has hung up, even after it has deleted the object. So each request runs to
/// its end when the caller is dropped, and a deletion waits for those of its path. Timeouts of requests bound the wait.
#[derive(Clone, Debug, Default)]
pub(super) struct Completions {
    by_path: Arc<Mutex<HashMap<Path, TaskTracker>>>,
}

impl Completions {
    /// Runs a request as a task of its own, which `background` counts too.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        path: Path,
        background: &TaskTracker,
        request: impl Future<Output = T> + Send + 'static,
    ) -> Result<T, BlobError> {
        let task = {
            let mut by_path = self.by_path.lock();
            let requests = by_path.entry(path.clone()).or_insert_with(closed);
            let end = End { completions: self.clone(), path };
            background.spawn(requests.track_future(async move {
                let _end = end;
                request.await
            }))
        };
        task.await.map_err(|ended| BlobError::Failed(Box::new(ended)))
    }

    /// Waits for the requests of a path that began before this call.
    pub(super) async fn wait(&self, path: &Path) {
        let requests = self.by_path.lock().get(path).cloned();
        if let Some(requests) = requests {
            requests.wait().await;
        }
    }
}

/// A tracker whose `wait` ends when it is empty.
fn closed() -> TaskTracker {
    let tracker = TaskTracker::new();
    tracker.close();
    tracker
}

/// Removes the path with its last request.
struct End {
    completions: Completions,
    path: Path,
}

impl Drop for End {
    fn drop(&mut self) {
        let mut by_path = self.completions.by_path.lock();
        // The request that ends is still counted here.
        if by_path.get(&self.path).is_some_and(|requests| requests.len() <= 1) {
            by_path.remove(&self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;
    use tokio::sync::oneshot;

    use super::*;

    #[tokio::test]
    async fn deletion_waits_for_the_requests_of_its_path_alone() {
        let (completions, background) = (Completions::default(), TaskTracker::new());
        let (first, mut ends) = (Path::from("first"), Vec::new());
        for _ in 0..2 {
            let (end, ended) = oneshot::channel::<()>();
            ends.push(end);
            // The caller is dropped at once, the request is not.
            assert!(completions.run(first.clone(), &background, ended).now_or_never().is_none());
        }
        completions.wait(&Path::from("second")).await;
        let mut waiting = Box::pin(completions.wait(&first));
        drop(ends.pop());
        tokio::task::yield_now().await;
        assert!(waiting.as_mut().now_or_never().is_none());
        drop(ends.pop());
        waiting.await;
        assert!(completions.by_path.lock().is_empty());
    }
}
