//! Writer task of a link: queued requests, Pings, keepalive bytes, and the close frame.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use less_sync_core::frame;
use tokio::sync::mpsc;

use super::dialer::{LinkWriter, Sent};
use super::link::{Link, LinkEnd, Outgoing};

/// Time for the close frame.
const CLOSE: Duration = Duration::from_secs(1);

/// Writes until the link has ended, and then the close frame.
pub(super) async fn run(
    link: Arc<Link>,
    mut writer: Box<dyn LinkWriter>,
    mut queued: mpsc::Receiver<Outgoing>,
) {
    let end = tokio::select! {
        biased;
        end = link.until_ended() => end,
        end = write(&link, &mut *writer, &mut queued) => end,
    };
    link.end(end.clone());
    if let Some(close) = end.close() {
        let clock = &link.deps().clock;
        tokio::select! {
            biased;
            // Fails on a socket that is lost already.
            _ = writer.send(Sent::Close(close.code, close.reason)) => {}
            () = clock.sleep_until(clock.instant() + CLOSE) => {}
        }
    }
}

async fn write(link: &Link, writer: &mut dyn LinkWriter, queued: &mut mpsc::Receiver<Outgoing>) -> LinkEnd {
    let (clock, timing) = (&link.deps().clock, &link.deps().timing);
    let now = clock.instant();
    let (mut ping_at, mut keepalive_at) = (now + timing.ping, now + timing.keepalive);
    loop {
        let output = tokio::select! {
            biased;
            outgoing = queued.recv() => match outgoing {
                Some(Outgoing { frame, mark }) => {
                    mark.set();
                    Sent::Message(frame)
                }
                None => return LinkEnd::Lost,
            },
            () = clock.sleep_until(ping_at) => {
                ping_at = clock.instant() + timing.ping;
                Sent::Ping
            }
            () = clock.sleep_until(keepalive_at) => {
                keepalive_at = clock.instant() + timing.keepalive;
                Sent::Message(Bytes::from_static(frame::KEEPALIVE))
            }
        };
        if writer.send(output).await.is_err() {
            // The reader finds the cause, such as a close frame that is still in the receive buffer.
            let lost = clock.sleep_until(clock.instant() + CLOSE);
            tokio::select! {
                biased;
                end = link.until_ended() => return end,
                () = lost => return LinkEnd::Lost,
            }
        }
    }
}
