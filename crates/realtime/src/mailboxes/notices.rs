//! The job that sends notices when their time has come.

use std::future::Future;
use std::sync::Arc;

use less_sync_engine::Clock;

use crate::broker::Broker;

/// Tells the owners of mailboxes, again and again, that there is something new. One task for all of them.
pub struct MailboxNotices {
    /// Whose connections.
    pub broker: Arc<Broker>,
    /// Time.
    pub clock: Arc<dyn Clock>,
}

impl MailboxNotices {
    /// Runs until `stop` completes. Notices that are pending then are lost: their connections are closed, and whoever
    /// connects again asks by themselves.
    pub async fn run(self, stop: impl Future<Output = ()> + Send) {
        tokio::select! {
            biased;
            () = stop => {}
            () = self.deliver() => {}
        }
    }

    async fn deliver(&self) {
        let mailboxes = self.broker.mailboxes();
        loop {
            match mailboxes.next_due() {
                None => mailboxes.noted.notified().await,
                Some(at) => tokio::select! {
                    () = mailboxes.noted.notified() => {}
                    () = self.clock.sleep_until(at) => {}
                },
            }
            let told = mailboxes.tell(self.clock.instant());
            let metrics = self.broker.metrics();
            metrics.durable_delivered.add(told.queued);
            metrics.slow_consumers.add(told.too_slow);
        }
    }
}

impl std::fmt::Debug for MailboxNotices {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MailboxNotices").finish_non_exhaustive()
    }
}
