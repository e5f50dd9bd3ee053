//! `route`: an operator shows and changes the home of a space (federation RT-7, ST-2).

use less_sync_test_support::{Member, RawClient, SharedSpace, TestServer, create};

use crate::site::{Site, Store, stop};

const NOT_EMPTY: &str =
    "error: the space has records, members or files here, which would be hidden: only set --force does that";
const UNKNOWN: &str = "5f0c7c1e-93a4-4c55-9a0e-1b2c3d4e5f60";

/// Space with its owner, whose server has stopped.
struct Owned {
    site: Site,
    space: String,
    owner: Member,
}

impl Owned {
    async fn new(store: Store) -> Self {
        let site = Site::new(store).await;
        let server = site.server().start().await;
        let space = SharedSpace::create(&server).await;
        let (text, owner) = (space.text(), space.into_owner());
        stop(server).await;
        Self { site, space: text, owner }
    }

    /// Result of a push of the owner at a server on the database.
    async fn push(&self, index: u128) -> serde_json::Value {
        let server: TestServer = self.site.server().start().await;
        let mut client: RawClient = server.raw_as("owner", &self.owner).await;
        let ucan = self.owner.ucan(self.space.parse().unwrap()).sign();
        let pushed = client.push_with(&self.space, &ucan, &[create(index, "a")]).await;
        stop(server).await;
        pushed
    }

    fn says(&self, arguments: &[&str], line: &str) {
        let said = self.site.run(&[&["route"], arguments].concat()).succeeded();
        assert_eq!(said.lines(), [line]);
    }
}

async fn home_of_a_space_is_shown_set_and_forgotten(store: Store) {
    let owned = Owned::new(store).await;
    let (site, space) = (&owned.site, owned.space.as_str());
    let local = format!("space={space} home=local");
    let away = format!("space={space} home=b.example:8443");
    owned.says(&["show", space], &local);
    owned.says(&["set", space, "b.example:8443"], &away);
    owned.says(&["show", space], &away);
    assert_eq!(owned.push(1).await["error"], "home_unavailable", "no other server is listed");
    owned.says(&["set", space, "local"], &local);
    assert_eq!(owned.push(1).await["ok"], true);
    let kept = site.run(&["route", "set", space, "b.example"]);
    kept.failed(1, NOT_EMPTY);
    owned.says(&["set", space, "b.example", "--force"], &format!("space={space} home=b.example"));
    assert_eq!(owned.push(2).await["error"], "home_unavailable");
    let kept = site.run(&["route", "delete", space]);
    kept.failed(1, NOT_EMPTY);
    owned.says(&["set", space, "local", "--force"], &local);
    let own = site.run(&["route", "delete", space]);
    own.failed(1, "error: the space is held by the own server: less-sync admin purge removes it");
    for arguments in [&["show", UNKNOWN][..], &["set", UNKNOWN, "b.example"], &["delete", UNKNOWN]] {
        site.run(&[&["route"], arguments].concat()).failed(1, "error: space not found");
    }
}

#[tokio::test]
async fn home_of_a_space_is_shown_set_and_forgotten_on_sqlite() {
    home_of_a_space_is_shown_set_and_forgotten(Store::Sqlite).await;
}

#[tokio::test]
async fn home_of_a_space_is_shown_set_and_forgotten_on_postgresql() {
    home_of_a_space_is_shown_set_and_forgotten(Store::Postgres).await;
}

/// TH-17: the row of a squatted id is removed, and the next request looks for the home again.
#[tokio::test]
async fn stub_is_deleted() {
    let owned = Owned::new(Store::Sqlite).await;
    let space = owned.space.as_str();
    owned.says(&["set", space, "squatter.example"], &format!("space={space} home=squatter.example"));
    owned.says(&["delete", space], &format!("deleted space={space}"));
    owned.site.run(&["route", "show", space]).failed(1, "error: space not found");
}

#[tokio::test]
async fn homes_are_names_of_servers() {
    let site = Site::new(Store::Sqlite).await;
    for home in ["", "not a name", "https://"] {
        assert_eq!(site.run(&["route", "set", UNKNOWN, home]).code, 2, "{home}");
    }
}
