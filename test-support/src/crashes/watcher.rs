//! A device that only listens.

use std::sync::Arc;

use less_sync_client::{Event as Heard, SyncEvent, Watch};
use less_sync_history::{Event, Row};

use super::device::{dial, text};
use super::run_state::{RunState, User};

/// Watches the space of `user` and writes down every event, until it is told to stop.
pub(super) async fn watch(state: Arc<RunState>, user: User) {
    let mut number = 0;
    while !state.stop.is_cancelled() {
        let Some((connection, mut events)) = dial(&state, &user).await else { continue };
        if connection.subscribe(&[Watch::from(user.space)]).await.is_err() {
            state.until_it_may_be_back().await;
            continue;
        }
        number += 1;
        let subscription = format!("{}-watcher-{number}", user.name);
        loop {
            tokio::select! {
                biased;
                () = state.stop.cancelled() => return,
                heard = events.next() => match heard {
                    Some(Heard::Sync(sync)) => state.record(&noted(&subscription, sync)),
                    Some(_) => {}
                    None => break,
                },
            }
        }
    }
}

fn noted(subscription: &str, sync: SyncEvent) -> Event {
    let row = |row: less_sync_client::RecordRow| Row {
        record: row.id.to_string(),
        cursor: row.cursor.get(),
        value: row.blob.as_deref().map(text),
    };
    Event::Sync {
        subscription: subscription.to_owned(),
        space: sync.space.to_string(),
        prev: sync.prev.get(),
        cursor: sync.cursor.get(),
        rows: sync.records.into_iter().map(row).collect(),
    }
}
