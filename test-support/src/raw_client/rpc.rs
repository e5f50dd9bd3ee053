//! Frames of `less-rpc-v1` over the hand-made connection, in the notation of the vectors.

use serde_json::{Value, json};

use super::RawClient;
use crate::{decode, encode};

impl RawClient {
    /// Sends the auth frame.
    pub async fn authenticate(&mut self, token: &str) {
        self.notify("auth", &json!({ "token": token })).await;
    }

    /// Sends a notification.
    pub async fn notify(&mut self, method: &str, params: &Value) {
        self.send_binary(encode(&json!({ "type": 2, "method": method, "params": params }))).await;
    }

    /// Sends a request under an id of its own, which it returns, and does not wait.
    pub async fn request(&mut self, method: &str, params: &Value) -> String {
        self.next_id += 1;
        let id = format!("raw-{}", self.next_id);
        self.send_binary(encode(&json!({ "type": 0, "id": id, "method": method, "params": params }))).await;
        id
    }

    /// Sends a request and returns its response frame, `result` or `error`; chunks and notifications before
    /// it are passed over.
    pub async fn call(&mut self, method: &str, params: &Value) -> Value {
        self.call_with_chunks(method, params).await.1
    }

    /// Sends a request and returns its chunk frames and its response frame; notifications are passed over.
    pub async fn call_with_chunks(&mut self, method: &str, params: &Value) -> (Vec<Value>, Value) {
        let id = self.request(method, params).await;
        let mut chunks = Vec::new();
        loop {
            let frame = self.receive_rpc().await;
            match (&frame["type"], &frame["id"]) {
                (kind, of) if *kind == 3 && *of == id.as_str() => chunks.push(frame),
                (kind, of) if *kind == 1 && *of == id.as_str() => return (chunks, frame),
                _ => {}
            }
        }
    }

    /// The next frame that is not a keepalive.
    ///
    /// # Panics
    /// If it is not within the profile of what a server may emit.
    pub async fn receive_rpc(&mut self) -> Value {
        let message = self.receive_message().await;
        match decode(&message) {
            Ok(frame) => frame,
            Err(why) => panic!("the server emitted {}: {why}", crate::hex(&message)),
        }
    }

    /// The params of the next notification of this method; other frames are passed over.
    pub async fn receive_notification(&mut self, method: &str) -> Value {
        loop {
            let frame = self.receive_rpc().await;
            if frame["type"] == 2 && frame["method"] == method {
                return frame["params"].clone();
            }
        }
    }

    /// Subscribes to one space from cursor 0 and returns its entry in the result.
    pub async fn subscribe(&mut self, space: &str) -> Value {
        let response = self.call("subscribe", &json!({ "spaces": [{ "id": space, "since": 0 }] })).await;
        let entry = response["result"]["spaces"][0].clone();
        assert!(entry.is_object(), "not subscribed: {response}");
        entry
    }

    /// Subscribes to one space by a chain and returns its entry in the result.
    pub async fn subscribe_with(&mut self, space: &str, ucan: &str) -> Value {
        let params = json!({ "spaces": [{ "id": space, "since": 0, "ucan": ucan }] });
        let response = self.call("subscribe", &params).await;
        let entry = response["result"]["spaces"][0].clone();
        assert!(entry.is_object(), "not subscribed: {response}");
        entry
    }

    /// Pushes by a chain and returns the result, whether `ok` or not.
    pub async fn push_with(&mut self, space: &str, ucan: &str, changes: &[Value]) -> Value {
        let params = json!({ "space": space, "ucan": ucan, "changes": changes });
        self.call("push", &params).await["result"].clone()
    }

    /// Pushes and returns the result, whether `ok` or not.
    pub async fn push(&mut self, space: &str, changes: &[Value]) -> Value {
        let response = self.call("push", &json!({ "space": space, "changes": changes })).await;
        assert!(response["result"].is_object(), "a push without a result: {response}");
        response["result"].clone()
    }

    /// Pushes, expects success and returns the new cursor.
    pub async fn push_ok(&mut self, space: &str, changes: &[Value]) -> i64 {
        let result = self.push(space, changes).await;
        assert_eq!(result["ok"], true, "{result}");
        result["cursor"].as_i64().expect("a cursor")
    }

    /// Pulls one space and returns its chunks as (name, data).
    pub async fn pull(&mut self, space: &str, since: i64) -> Vec<(String, Value)> {
        let params = json!({ "spaces": [{ "id": space, "since": since }] });
        let (chunks, response) = self.call_with_chunks("pull", &params).await;
        assert_eq!(response["result"]["_chunks"], chunks.len(), "{response}");
        let named =
            |chunk: &Value| (chunk["name"].as_str().unwrap_or_default().to_owned(), chunk["data"].clone());
        chunks.iter().map(named).collect()
    }

    /// The notifications that have come by now: those before the answers to a few requests. A few, since the writer
    /// of a connection alternates between answers and events.
    pub async fn pending_notifications(&mut self) -> Vec<Value> {
        let mut found = Vec::new();
        for _ in 0..3 {
            let id = self.request("no.such.method", &json!({})).await;
            loop {
                let frame = self.receive_rpc().await;
                if frame["id"] == id.as_str() {
                    break;
                }
                found.push(frame);
            }
        }
        found
    }

    /// True if no notification is pending.
    ///
    /// # Panics
    /// If a frame arrives.
    pub async fn assert_quiet(&mut self) {
        let found = self.pending_notifications().await;
        assert!(found.is_empty(), "expected silence, received {found:?}");
    }

    /// True if the connection still responds: calls an unknown method, which is rejected.
    ///
    /// # Panics
    /// If the answer is another one.
    pub async fn assert_alive(&mut self) {
        let response = self.call("no.such.method", &json!({})).await;
        assert_eq!(response["error"]["code"], "method_not_found", "{response}");
    }
}
