//! Spaces and methods of an original home.

use std::collections::HashMap;

use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio_tungstenite::tungstenite::Message;

type Link = mpsc::Sender<Message>;

/// Spaces by id.
#[derive(Debug, Default)]
pub(super) struct Spaces(HashMap<String, Space>);

#[derive(Debug, Default)]
struct Space {
    /// Number of pushes so far.
    cursor: i64,
    /// Records in the order of their writes; those of one push have one cursor.
    log: Vec<Value>,
    watchers: Vec<Link>,
}

/// Reaction to a request, in the order in which it is sent.
pub(super) struct Outcome {
    pub(super) chunks: Vec<(&'static str, Value)>,
    pub(super) result: Result<Value, (&'static str, String)>,
    pub(super) events: Vec<Value>,
}

impl Outcome {
    fn of(result: Value) -> Self {
        Self { chunks: Vec::new(), result: Ok(result), events: Vec::new() }
    }

    fn error(code: &'static str, message: impl Into<String>) -> Self {
        Self { chunks: Vec::new(), result: Err((code, message.into())), events: Vec::new() }
    }
}

impl Spaces {
    pub(super) fn create(&mut self, space: &str) {
        self.0.insert(space.to_owned(), Space::default());
    }

    pub(super) fn restore(&mut self, space: &str, cursor: i64) {
        let space = self.0.get_mut(space).expect("a space");
        space.cursor = cursor;
        space.log.retain(|record| record["cursor"].as_i64() <= Some(cursor));
    }

    pub(super) fn forget(&mut self, link: &Link) {
        for space in self.0.values_mut() {
            space.watchers.retain(|watcher| !watcher.same_channel(link));
        }
    }

    pub(super) fn watchers(&self, space: &str) -> Vec<Link> {
        self.0.get(space).map(|space| space.watchers.clone()).unwrap_or_default()
    }

    /// Appends changes; returns the new cursor and the event, whose key generation is always 0.
    pub(super) fn write(&mut self, id: &str, changes: &[Value]) -> (i64, Value) {
        let space = self.0.get_mut(id).expect("a space");
        let prev = space.cursor;
        let cursor = prev + 1;
        space.cursor = cursor;
        let mut records = Vec::new();
        for change in changes {
            let mut record = change.clone();
            let fields = record.as_object_mut().expect("a change");
            fields.remove("expected_cursor");
            fields.insert("cursor".to_owned(), cursor.into());
            space.log.push(record.clone());
            records.push(record);
        }
        let event =
            json!({ "space": id, "prev": prev, "cursor": cursor, "key_generation": 0, "records": records });
        (cursor, event)
    }

    pub(super) fn call(&mut self, method: &str, params: &Value, link: &Link) -> Outcome {
        match method {
            "subscribe" => self.subscribe(params, link),
            "push" => self.push(params),
            "pull" => self.pull(params),
            "fed.invitation" => Outcome::of(json!({ "ok": true })),
            other => Outcome::error("method_not_found", format!("unknown method: {other}")),
        }
    }

    fn subscribe(&mut self, params: &Value, link: &Link) -> Outcome {
        let entries = params["spaces"].as_array().cloned().unwrap_or_default();
        if entries.iter().any(|entry| entry["since"].as_i64().is_none()) {
            return Outcome::error("invalid_params", "invalid subscribe params");
        }
        let (mut states, mut errors) = (Vec::new(), Vec::new());
        for entry in entries {
            let id = entry["id"].as_str().unwrap_or_default();
            match self.0.get_mut(id) {
                Some(_) if !is_authorized(&entry) => {
                    errors.push(json!({ "space": id, "error": "forbidden" }));
                }
                None => errors.push(json!({ "space": id, "error": "not_found" })),
                Some(space) => {
                    space.watchers.push(link.clone());
                    let (cursor, token) = (space.cursor, format!("token of {id}"));
                    states.push(json!({ "id": id, "cursor": cursor, "key_generation": 1, "token": token }));
                }
            }
        }
        Outcome::of(json!({ "spaces": states, "errors": errors }))
    }

    fn push(&mut self, params: &Value) -> Outcome {
        let id = params["space"].as_str().unwrap_or_default();
        let Some(space) = self.0.get(id) else {
            return Outcome::of(json!({ "ok": false, "error": "not_found" }));
        };
        let changes = params["changes"].as_array().cloned().unwrap_or_default();
        let current = |change: &Value| {
            let known = space.log.iter().rfind(|record| record["id"] == change["id"]);
            known.map_or(0, |record| record["cursor"].as_i64().unwrap_or_default())
        };
        if changes.iter().any(|change| change["expected_cursor"] != current(change)) {
            return Outcome::of(json!({ "ok": false, "error": "conflict" }));
        }
        let (cursor, event) = self.write(id, &changes);
        Outcome { events: vec![event], ..Outcome::of(json!({ "ok": true, "cursor": cursor })) }
    }

    fn pull(&self, params: &Value) -> Outcome {
        let mut chunks = Vec::new();
        for entry in params["spaces"].as_array().into_iter().flatten() {
            let id = entry["id"].as_str().unwrap_or_default();
            // A space without a UCAN has no chunks: tokens are for subscriptions.
            let Some(space) = self.0.get(id).filter(|_| entry["ucan"].is_string()) else { continue };
            let (since, cursor) = (entry["since"].as_i64().unwrap_or_default(), space.cursor);
            chunks.push((
                "pull.begin",
                json!({ "space": id, "prev": since, "cursor": cursor, "key_generation": 1 }),
            ));
            let rows = space.log.iter().filter(|record| record["cursor"].as_i64() > Some(since));
            let count = rows.clone().count();
            for record in rows {
                let mut data = record.clone();
                data.as_object_mut().expect("a record").insert("space".to_owned(), id.into());
                chunks.push(("pull.record", data));
            }
            let commit = json!({ "space": id, "prev": since, "cursor": cursor, "count": count });
            chunks.push(("pull.commit", commit));
        }
        let result = json!({ "_chunks": chunks.len() });
        Outcome { chunks, ..Outcome::of(result) }
    }
}

fn is_authorized(entry: &Value) -> bool {
    ["ucan", "token"].iter().any(|name| entry[*name].as_str().is_some_and(|text| !text.is_empty()))
}
