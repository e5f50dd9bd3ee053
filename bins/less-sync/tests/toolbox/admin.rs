//! `less-sync admin` and `less-sync top`, on the admin listener of a real server.

use std::process::{Output, Stdio};

use less_sync_test_support::{RawClient, TestServer, create, within};
use pretty_assertions::assert_eq;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::Command;

use crate::program::{lines, output, program, stderr};

const TOKEN: &str = "a-token-of-the-operator";

async fn server() -> TestServer {
    TestServer::builder().setting("ADMIN_ADDR", "127.0.0.1:0").setting("ADMIN_TOKEN", TOKEN).start().await
}

fn command(server: &TestServer, arguments: &[&str]) -> Command {
    let mut command = program(arguments);
    let url = format!("http://{}", server.admin_address());
    command.env("LESS_SYNC_ADMIN_URL", url).env("ADMIN_TOKEN", TOKEN);
    // URL and token of the public listener, which these commands must not use.
    command.env("LESS_SYNC_URL", "http://127.0.0.1:1").env("LESS_SYNC_TOKEN", "secret");
    command
}

async fn run(server: &TestServer, arguments: &[&str]) -> Output {
    output(&mut command(server, &[&["admin"], arguments].concat())).await
}

/// Lines of a command that must succeed, as text.
async fn text(server: &TestServer, arguments: &[&str]) -> Vec<String> {
    let output = run(server, arguments).await;
    assert!(output.status.success(), "{arguments:?}: {}", stderr(&output));
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

/// Results of a command that must succeed.
async fn results(server: &TestServer, arguments: &[&str]) -> Vec<Value> {
    let output = run(server, &[arguments, &["--json"]].concat()).await;
    assert!(output.status.success(), "{arguments:?}: {}", stderr(&output));
    lines(&output)
}

async fn filled(server: &TestServer, user: &str) -> (RawClient, String) {
    let (mut client, space) = (server.raw(user).await, server.space(user));
    client.subscribe(&space).await;
    client.push_ok(&space, &[create(1, "x")]).await;
    (client, space)
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_are_listed_shown_and_closed() {
    let server = server().await;
    let (mut alice, space) = filled(&server, "alice").await;
    let table = text(&server, &["connections"]).await;
    assert_eq!(table.len(), 2);
    assert!(table[0].starts_with("CONNECTION ") && !table[0].contains("USER"), "{table:?}");
    assert!(!table[1].contains("alice"), "{table:?}");
    let revealed = text(&server, &["connections", "--reveal"]).await;
    assert!(revealed[0].contains("USER") && revealed[1].contains("alice"), "{revealed:?}");
    let listed = results(&server, &["connections", "--sort", "bytes-in"]).await;
    let id = listed[0]["id"].as_str().unwrap();
    assert_eq!(results(&server, &["connection", id]).await[0]["spaces"], json!([space]));
    assert_eq!(results(&server, &["disconnect", id]).await, [json!({ "disconnected": 1 })]);
    assert_eq!(alice.receive_close().await.1, "closed by the operator");
    let gone = run(&server, &["disconnect", "00000000-0000-0000-0000-000000000000"]).await;
    assert_eq!((gone.status.code(), stderr(&gone).as_str()), (Some(1), "error: connection is not open\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn spaces_are_listed_and_purged_with_consent() {
    let server = server().await;
    let (_alice, space) = filled(&server, "alice").await;
    let (_bob, other) = filled(&server, "bob").await;
    let listed = results(&server, &["spaces"]).await;
    let mut ids: Vec<_> = listed.iter().map(|listed| listed["id"].as_str().unwrap()).collect();
    let mut expected = [space.as_str(), other.as_str()];
    ids.sort_unstable();
    expected.sort_unstable();
    assert_eq!(ids, expected);
    let page = run(&server, &["spaces", "--sort", "id", "--limit", "1"]).await;
    assert!(stderr(&page).contains("continue with --after"), "{}", stderr(&page));
    let refused = run(&server, &["purge", &space]).await;
    assert_eq!(refused.status.code(), Some(2));
    assert!(stderr(&refused).contains("give --yes"), "{}", stderr(&refused));
    let purged = results(&server, &["purge", &space, "--yes"]).await;
    assert_eq!(purged, [json!({ "space": space, "rows": 1 })]);
    assert_eq!(results(&server, &["spaces"]).await.len(), 1);
    assert_eq!(stderr(&run(&server, &["space", &space]).await), "error: space does not exist\n");
    assert_eq!(results(&server, &["rewraps"]).await, Vec::<Value>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn rejections_are_explained() {
    let server = server().await;
    let mut stranger = server.raw_with_token("no token").await;
    stranger.receive_close().await;
    let table = text(&server, &["denials", "--rule", "token"]).await;
    assert!(table[1].contains("token.invalid_token") && table[1].contains("access token: "), "{table:?}");
    let nothing = run(&server, &["denials", "--request-id", "abc"]).await;
    assert!(nothing.status.success() && stderr(&nothing).starts_with("no kept denial matches, of 1 since"));
    let slow = text(&server, &["slow-consumers"]).await;
    assert!(slow[0].starts_with("BEHIND") && slow.last().unwrap().starts_with("CLOSED"), "{slow:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn rates_are_those_of_the_interval() {
    let server = server().await;
    let (mut alice, _) = filled(&server, "alice").await;
    let mut measuring = command(&server, &["admin", "rates", "--interval", "1", "--json"]);
    let child = measuring.stdout(Stdio::piped()).spawn().unwrap();
    let measured = child.wait_with_output();
    let calls = async {
        loop {
            alice.assert_alive().await;
        }
    };
    let measured = tokio::select! { measured = measured => measured.unwrap(), () = calls => unreachable!() };
    let rates = &lines(&measured)[0];
    assert_eq!(rates["totals"]["connections"], 1.0);
    assert!(rates["totals"]["messages_in_per_second"].as_f64().unwrap() > 0.0, "{rates}");
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_name_the_next_step() {
    let server = server().await;
    let url = format!("http://{}", server.admin_address());
    let public = format!("http://{}", server.address());
    for (arguments, texts) in [
        (&["--url", "http://127.0.0.1:1"][..], ["cannot reach the admin listener at", "ADMIN_ADDR"]),
        (&["--url", &url, "--token", "wrong"], ["rejected the token", "--token @FILE"]),
        (&["--url", &public], ["is not the admin listener", "ADMIN_ADDR with --url"]),
    ] {
        let failed = run(&server, &[&["connections"], arguments].concat()).await;
        assert_eq!(failed.status.code(), Some(1));
        let text = stderr(&failed);
        assert!(texts.iter().all(|part| text.contains(part)) && !text.contains("secret"), "{text}");
    }
    for token in ["", "two\nlines", "t\u{f6}ken"] {
        let failed = run(&server, &["connections", "--url", &url, "--token", token]).await;
        assert_eq!(failed.status.code(), Some(2));
        let text = stderr(&failed);
        assert!(text.contains("is empty, or has characters") && text.contains("--token @FILE"), "{text}");
    }
    let unused = run(&server, &["connections", "--user", "alice"]).await;
    assert_eq!(unused.status.code(), Some(2), "{}", stderr(&unused));
    let filter = run(&server, &["log-filter", "debug"]).await;
    assert_eq!(stderr(&filter), "error: the log filter of this process cannot be changed\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn dashboard_needs_a_terminal() {
    let server = server().await;
    let piped = output(&mut command(&server, &["top"])).await;
    assert_eq!(piped.status.code(), Some(2));
    assert!(stderr(&piped).contains("top needs a terminal"), "{}", stderr(&piped));
}

/// In a pseudo-terminal of `script`: the figures of the server are drawn, and `q` gives the terminal back.
#[tokio::test(flavor = "multi_thread")]
async fn dashboard_shows_the_server_and_restores_the_terminal() {
    let server = server().await;
    let _alice = filled(&server, "alice").await;
    let inner = format!("stty rows 24 cols 80; {} top --interval 1", env!("CARGO_BIN_EXE_less-sync"));
    let mut script = Command::new("script");
    script.args(["-qec", &inner, "/dev/null"]).stdin(Stdio::piped()).stdout(Stdio::piped());
    script.env("LESS_SYNC_ADMIN_URL", format!("http://{}", server.admin_address()));
    script.env("ADMIN_TOKEN", TOKEN).env("TERM", "xterm-256color").kill_on_drop(true);
    let mut child = script.spawn().expect("script of util-linux (Debian package bsdutils)");
    let (mut stdin, mut stdout) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
    let mut drawn = Vec::new();
    let until_connected = async {
        while !String::from_utf8_lossy(&drawn).contains("subscribe") {
            assert!(stdout.read_buf(&mut drawn).await.unwrap() > 0, "{}", String::from_utf8_lossy(&drawn));
        }
    };
    within("the list of methods", until_connected).await;
    stdin.write_all(b"q").await.unwrap();
    within("the end of the output", stdout.read_to_end(&mut drawn)).await.unwrap();
    assert!(within("the end of the dashboard", child.wait()).await.unwrap().success());
    let text = String::from_utf8_lossy(&drawn);
    assert!(text.contains("connected") && text.contains("\u{1b}[?1049h"), "{text}");
    assert!(text.trim_end().ends_with("\u{1b}[?25h") || text.contains("\u{1b}[?1049l"), "{text}");
}
