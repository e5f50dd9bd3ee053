//! Count of the events at level `ERROR` on the thread of a test, which is the thread of its server.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tracing::subscriber::DefaultGuard;
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};

pub(super) struct ErrorLog {
    count: Arc<AtomicUsize>,
    _guard: DefaultGuard,
}

impl ErrorLog {
    /// Starts to count, until it is dropped.
    pub(super) fn start() -> Self {
        let count = Arc::<AtomicUsize>::default();
        let subscriber = tracing_subscriber::registry().with(Errors(Arc::clone(&count)));
        Self { count, _guard: tracing::subscriber::set_default(subscriber) }
    }

    pub(super) fn count(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }
}

struct Errors(Arc<AtomicUsize>);

impl<S: Subscriber> Layer<S> for Errors {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        if *event.metadata().level() == Level::ERROR {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }
}
