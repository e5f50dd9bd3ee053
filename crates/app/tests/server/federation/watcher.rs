//! Servers that trust each other, and members of a space at those that do not hold it.

use less_sync_core::Permission;
use less_sync_test_support::{Cluster, Member, RawClient, SharedSpace, TestServer, create};
use serde_json::{Value, json};

pub(crate) const SECRET: &str = "01234567890123456789012345678901";

/// Server 0 is the home, the others have members.
pub(crate) async fn cluster(count: usize) -> Cluster {
    Cluster::start_with(count, |_, builder| builder.embedded().setting("FEDERATION_FST_SECRET", SECRET)).await
}

/// Connection of a new member at `server`, subscribed by way of it.
pub(crate) struct Watcher {
    pub(crate) client: RawClient,
    pub(crate) ucan: String,
}

impl Watcher {
    pub(crate) async fn connect(server: &TestServer, user: &str, space: &SharedSpace<'_>) -> Self {
        let member = Member::random();
        let ucan = space.invite(&member, Permission::Admin);
        Self { client: server.raw_as(user, &member).await, ucan }
    }

    pub(crate) async fn subscribe(&mut self, space: &SharedSpace<'_>, since: u64, home: &str) -> Value {
        let entry = json!({ "id": space.text(), "since": since, "ucan": self.ucan, "home_server": home });
        let response = self.client.call("subscribe", &json!({ "spaces": [entry] })).await;
        assert!(response["error"].is_null(), "{response}");
        response["result"].clone()
    }

    pub(crate) async fn watching(
        server: &TestServer,
        user: &str,
        space: &SharedSpace<'_>,
        home: &str,
    ) -> Self {
        let mut watcher = Self::connect(server, user, space).await;
        let result = watcher.subscribe(space, 0, home).await;
        assert_eq!(result["spaces"][0]["id"], space.text(), "{result}");
        watcher
    }

    pub(crate) async fn push(&mut self, space: &SharedSpace<'_>, changes: &[Value]) -> Value {
        let params = json!({ "space": space.text(), "ucan": self.ucan, "changes": changes });
        self.client.call("push", &params).await["result"].clone()
    }

    /// Cursors of the next `count` events, with those that they continue; each is a `sync`.
    pub(crate) async fn syncs(&mut self, count: usize) -> Vec<(i64, i64)> {
        let mut syncs = Vec::new();
        for _ in 0..count {
            let params = self.client.receive_notification("sync").await;
            let number = |name: &str| params[name].as_i64().unwrap();
            syncs.push((number("prev"), number("cursor")));
        }
        syncs
    }
}

/// Pushes a record by the root chain of the space.
pub(crate) async fn push(client: &mut RawClient, space: &SharedSpace<'_>, index: u128) {
    let params = json!({ "space": space.text(), "ucan": space.root(), "changes": [create(index, "x")] });
    let response = client.call("push", &params).await;
    assert_eq!(response["result"]["ok"], true, "{response}");
}

/// Returns true when the metrics of `server` have this line.
pub(crate) fn shows(server: &TestServer, sample: &str) -> bool {
    server.metrics().render().lines().any(|line| line == sample)
}
