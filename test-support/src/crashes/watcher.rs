//! A device that only listens.

use std::sync::Arc;

use less_sync_client::{Event as Heard, SyncEvent, Watch};
use less_sync_core::Cursor;
use less_sync_history::{Event, Row};

use super::device::{dial, text};
use super::run_state::{RunState, User};

/// Watches the space of `user` and writes down every event, until it is told to end. Begins at the server with the number of the
/// watcher, and goes to the next one when that does not respond.
pub(super) async fn watch(state: Arc<RunState>, user: User, number: usize) {
    let (mut site, mut times) = (number, 0);
    let reached = |cursor: Cursor| {
        let key = (user.name.clone(), number);
        state.reached.send_modify(|reached| {
            let at = reached.entry(key).or_default();
            *at = cursor.max(*at);
        });
    };
    reached(Cursor::ZERO);
    while !state.end.is_cancelled() {
        let Some((connection, mut events)) = dial(&state, &user, &mut site).await else { continue };
        let Ok(subscribed) = connection.subscribe(&[Watch::from(user.space)]).await else {
            state.until_it_may_be_back(site).await;
            continue;
        };
        // Earlier changes are for a pull.
        subscribed.spaces.iter().for_each(|space| reached(space.cursor));
        times += 1;
        let subscription = format!("{}-watcher-{number}-{times}", user.name);
        loop {
            tokio::select! {
                biased;
                () = state.end.cancelled() => return,
                heard = events.next() => match heard {
                    Some(Heard::Sync(sync)) => {
                        reached(sync.cursor);
                        state.record(&noted(&subscription, sync));
                    }
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
