//! Logins at `less-sync-server issuer`, and a server that accepts its tokens (operations §17).

use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use less_sync_test_support::{EmptyEnvironment as _, within};
use pretty_assertions::assert_eq;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::{Child, Command};

use crate::development_server;
use crate::program::{Shell, output, program, stderr};

const PASSWORD: &str = "correct horse";

/// Issuer in a process of its own.
struct Issuer {
    folder: TempDir,
    url: String,
    port: u16,
    process: Option<Child>,
}

impl Issuer {
    /// Adds the users, all with the same password, and starts the issuer.
    async fn start(users: &[&str]) -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let url = format!("http://127.0.0.1:{port}/id");
        let mut issuer = Self { folder: tempfile::tempdir().unwrap(), url, port, process: None };
        for user in users {
            issuer.succeeds(&["user", "add", user], PASSWORD).await;
        }
        let (process, _) = start(issuer.command(&[]), "issuer listening").await;
        issuer.process = Some(process);
        issuer
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(development_server::program());
        command.arg("issuer").args(arguments).empty_environment().kill_on_drop(true);
        command.env("ISSUER_URL", &self.url).env("ISSUER_ADDR", format!("127.0.0.1:{}", self.port));
        command.env("ISSUER_DIRECTORY", self.folder.path().join("issuer"));
        command
    }

    /// Standard output of a command that must succeed, with a password on standard input.
    async fn succeeds(&self, arguments: &[&str], password: &str) -> String {
        let mut command = self.command(arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let line = format!("{password}\n");
        let _unread = child.stdin.take().unwrap().write_all(line.as_bytes()).await;
        let output = within("a command of the issuer", child.wait_with_output()).await.unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", stderr(&output));
        String::from_utf8(output.stdout).unwrap()
    }

    /// Status and body of a token request.
    async fn token(&self, parameters: &[(&str, &str)]) -> (u16, Value) {
        let pairs = parameters.iter().map(|(name, value)| format!("{name}={}", value.replace(' ', "+")));
        let request = http().post(format!("{}/token", self.url));
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        let response = request.body(pairs.collect::<Vec<_>>().join("&")).send().await.unwrap();
        let (status, body) = (response.status().as_u16(), response.bytes().await.unwrap());
        (status, serde_json::from_slice(&body).unwrap())
    }

    async fn log_in(&self, user: &str, password: &str) -> (u16, Value) {
        let login =
            [("grant_type", "password"), ("client_id", "app"), ("username", user), ("password", password)];
        self.token(&login).await
    }
}

fn http() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().build().unwrap()
}

/// Starts a server program; returns it with the address of the log line that names it as ready.
async fn start(mut command: Command, ready: &str) -> (Child, String) {
    let mut child = command.stdin(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let address = within("the start of a server", async {
        loop {
            let line = lines.next_line().await.unwrap().unwrap_or_else(|| panic!("the server has ended"));
            let line: Value = serde_json::from_str(&line).unwrap_or_else(|_| panic!("{line}"));
            if line["message"] == ready {
                return line["address"].as_str().unwrap().to_owned();
            }
        }
    });
    let address = address.await;
    // The pipe must not fill up.
    #[expect(clippy::disallowed_methods, reason = "ends with the runtime of the test")]
    tokio::spawn(async move { while lines.next_line().await.is_ok_and(|line| line.is_some()) {} });
    (child, address)
}

/// Server that accepts the tokens of an issuer.
async fn server(issuer: &str, folder: &Path) -> (Child, String) {
    let mut command = Command::new(development_server::program());
    command.empty_environment().kill_on_drop(true).current_dir(folder);
    for (name, value) in [
        ("DATABASE_URL", "sqlite:less-sync.db"),
        ("LISTEN_ADDR", "127.0.0.1:0"),
        ("TRUSTED_ISSUERS", issuer),
        ("AUDIENCES", "less-sync"),
        ("WS_AUTH_TIMEOUT", "60s"),
    ] {
        command.env(name, value);
    }
    start(command, "server listening").await
}

/// User of the toolbox with a key directory of their own.
struct User<'a> {
    name: &'a str,
    keys: PathBuf,
    server: String,
}

impl<'a> User<'a> {
    /// Logs in.
    async fn log_in(name: &'a str, issuer: &Issuer, folder: &Path, server: &str) -> Self {
        let user = Self { name, keys: folder.join(name), server: format!("http://{server}") };
        let output =
            user.run_with_input(&["login", &issuer.url, "--user", name], &format!("{PASSWORD}\n")).await;
        assert!(output.status.success(), "{}", stderr(&output));
        user
    }

    async fn push(&self, space: &[&str], text: &str) {
        let output = self.run_with_input(&[&["push"], space].concat(), text).await;
        assert!(output.status.success(), "{}: {}", self.name, stderr(&output));
    }

    async fn pull(&self, space: &[&str]) -> Vec<String> {
        let records = self.results(&[&["pull"], space].concat()).await;
        records.iter().filter_map(|record| record["text"].as_str().map(str::to_owned)).collect()
    }
}

impl Shell for User<'_> {
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = program(arguments);
        command.env("LESS_SYNC_URL", &self.server).env("LESS_SYNC_KEYS", &self.keys);
        command
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_users_of_the_issuer_sync_and_share_a_space() {
    let issuer = Issuer::start(&["anna", "ben"]).await;
    let folder = tempfile::tempdir().unwrap();
    let (_server, address) = server(&issuer.url, folder.path()).await;
    let anna = User::log_in("anna", &issuer, folder.path(), &address).await;
    let ben = User::log_in("ben", &issuer, folder.path(), &address).await;
    anna.push(&[], "of anna").await;
    ben.push(&[], "of ben").await;
    assert_eq!(
        (anna.pull(&[]).await, ben.pull(&[]).await),
        (vec!["of anna".to_owned()], vec!["of ben".to_owned()])
    );
    // Both claims that sharing needs are in the tokens: the DID with its proof, and the mailbox.
    let invited = ben.result(&["identity"]).await["address"].as_str().unwrap().to_owned();
    let space = anna.result(&["space", "create", "notes"]).await["space"].as_str().unwrap().to_owned();
    anna.push(&["--space", &space], "for both").await;
    anna.results(&["space", "invite", &invited, "--space", &space]).await;
    ben.results(&["space", "accept"]).await;
    assert_eq!(ben.pull(&["--space", &space]).await, ["for both"]);
    // The next key signs, and the server fetches it.
    let added = issuer.succeeds(&["key", "add"], "").await;
    let kid = added.trim().strip_prefix("added kid=").unwrap().to_owned();
    issuer.succeeds(&["key", "use", &kid], "").await;
    let anna = User::log_in("anna", &issuer, folder.path(), &address).await;
    assert_eq!(anna.pull(&[]).await, ["of anna"]);
    let mode = std::fs::metadata(anna.keys.join("logins.json")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(anna.result(&["logout"]).await["removed"], true);
    let (_, text) = anna.failure(&["pull"]).await;
    assert!(text.contains("not started with --dev"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn login_needs_the_password_and_ends_with_it() {
    let issuer = Issuer::start(&["anna"]).await;
    let wrong = json!({ "error": "invalid_grant", "error_description": "wrong user name or password" });
    for (user, password) in [("anna", "battery staple"), ("nobody", PASSWORD), ("a b", PASSWORD)] {
        assert_eq!(issuer.log_in(user, password).await, (400, wrong.clone()));
    }
    let (status, tokens) = issuer.log_in("Anna", PASSWORD).await;
    assert_eq!(
        (status, &tokens["token_type"], &tokens["scope"]),
        (200, &json!("Bearer"), &json!("sync files"))
    );
    let refresh = tokens["refresh_token"].as_str().unwrap();
    let renewal = [("grant_type", "refresh_token"), ("refresh_token", refresh)];
    assert_eq!(issuer.token(&renewal).await.0, 200);
    // A refresh cannot widen the scope that it narrowed before.
    let narrow = issuer.token(&[&renewal[..], &[("scope", "sync")]].concat()).await.1;
    let narrow = narrow["refresh_token"].as_str().unwrap();
    let wide = [("grant_type", "refresh_token"), ("refresh_token", narrow), ("scope", "sync files")];
    assert_eq!(issuer.token(&wide).await.1["error"], "invalid_scope");
    // An access token is no refresh token.
    let access = tokens["access_token"].as_str().unwrap();
    let misused = [("grant_type", "refresh_token"), ("refresh_token", access)];
    assert_eq!(issuer.token(&misused).await.1["error"], "invalid_grant");
    issuer.succeeds(&["user", "passwd", "anna"], "another password").await;
    assert_eq!(issuer.token(&renewal).await.1["error"], "invalid_grant");
    assert_eq!(issuer.log_in("anna", PASSWORD).await.0, 400);
    assert_eq!(issuer.log_in("anna", "another password").await.0, 200);
    issuer.succeeds(&["user", "remove", "anna"], "").await;
    assert_eq!(issuer.log_in("anna", "another password").await.0, 400);
}

#[tokio::test(flavor = "multi_thread")]
async fn did_needs_a_proof_and_a_mailbox_its_owner() {
    let issuer = Issuer::start(&["anna", "ben"]).await;
    let login = |user| {
        vec![("grant_type", "password"), ("client_id", "app"), ("username", user), ("password", PASSWORD)]
    };
    let did = "did:key:zDnaerx9CtbPJ1q36T5Ln5wYt3MQYeGRG5ehnPAmxcf5mDZpv";
    let proof = "A".repeat(86);
    for at in ["0", "99999999999"] {
        let forged =
            [&login("anna")[..], &[("did", did), ("did_proof", &proof), ("did_proof_at", at)]].concat();
        let (status, body) = issuer.token(&forged).await;
        assert_eq!((status, &body["error"]), (400, &json!("invalid_request")));
    }
    let mailbox = "ab".repeat(32);
    let with_mailbox = |user| [&login(user)[..], &[("mailbox_id", &*mailbox)]].concat();
    assert_eq!(issuer.token(&with_mailbox("anna")).await.0, 200);
    assert_eq!(issuer.token(&with_mailbox("ben")).await.0, 400);
    assert_eq!(issuer.token(&with_mailbox("anna")).await.0, 200);
    let users = issuer.succeeds(&["user", "list"], "").await;
    assert!(
        users.lines().next().unwrap().starts_with("user=anna id=") && users.contains(" mailboxes=1\n"),
        "{users}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn guesses_are_limited() {
    let issuer = Issuer::start(&["anna"]).await;
    for _ in 0..20 {
        assert_eq!(issuer.log_in("nobody", "a guess").await.0, 400);
    }
    let request = http()
        .post(format!("{}/token", issuer.url))
        .header("content-type", "application/x-www-form-urlencoded");
    let body =
        format!("grant_type=password&client_id=app&username=anna&password={}", PASSWORD.replace(' ', "+"));
    let response = request.body(body).send().await.unwrap();
    assert_eq!((response.status().as_u16(), response.headers().contains_key("retry-after")), (429, true));
}

#[tokio::test(flavor = "multi_thread")]
async fn public_documents_and_preflights_are_for_every_origin() {
    let issuer = Issuer::start(&[]).await;
    for name in ["openid-configuration", "oauth-authorization-server"] {
        let found = http().get(format!("{}/.well-known/{name}", issuer.url)).send().await.unwrap();
        assert_eq!(found.headers()["access-control-allow-origin"], "*");
        let found: Value = serde_json::from_slice(&found.bytes().await.unwrap()).unwrap();
        assert_eq!(found["issuer"], issuer.url);
        assert_eq!(found["jwks_uri"], format!("{}/.well-known/jwks.json", issuer.url));
    }
    let preflight = http().request(reqwest::Method::OPTIONS, format!("{}/token", issuer.url));
    let preflight = preflight.header("origin", "https://app.example").send().await.unwrap();
    assert_eq!(preflight.status(), 204);
    assert_eq!(preflight.headers()["access-control-allow-headers"], "Content-Type");
}

#[tokio::test]
async fn mistakes_of_the_operator_are_named() {
    let issuer = Issuer {
        folder: tempfile::tempdir().unwrap(),
        url: "http://127.0.0.1:1".to_owned(),
        port: 0,
        process: None,
    };
    let fails = async |change: &dyn Fn(&mut Command), arguments: &[&str]| {
        let mut command = issuer.command(arguments);
        change(&mut command);
        let output = output(command.stdin(Stdio::null())).await;
        (output.status.code().unwrap(), stderr(&output))
    };
    let (code, text) = fails(
        &|command| {
            command.env_remove("ISSUER_URL").env("ISSUER_ADDR", "x").env("ISSUER_TOKEN_LIFETIME", "2d");
        },
        &[],
    )
    .await;
    assert_eq!(code, 2);
    for problem in [
        "ISSUER_URL must be set",
        "invalid ISSUER_ADDR \"x\"",
        "invalid ISSUER_TOKEN_LIFETIME value \"2d\": expected 60s to 86400s",
    ] {
        assert!(text.contains(problem), "{text}");
    }
    let (code, text) = fails(&|_| (), &["user", "passwd", "anna"]).await;
    assert!(code == 1 && text.contains("no password was given"), "{code} {text}");
    let (code, text) = fails(&|_| (), &["user", "remove", "anna"]).await;
    assert!(code == 2 && text.contains("no such user"), "{code} {text}");
    // A file that others can read, and one that is damaged, keep the issuer from starting.
    issuer.succeeds(&["key", "add"], "").await;
    let keys = issuer.folder.path().join("issuer/keys.json");
    std::fs::set_permissions(&keys, std::fs::Permissions::from_mode(0o644)).unwrap();
    let (code, text) = fails(&|_| (), &[]).await;
    assert!(code == 1 && text.contains("is accessible by other users"), "{code} {text}");
    std::fs::set_permissions(&keys, std::fs::Permissions::from_mode(0o600)).unwrap();
    std::fs::write(&keys, "{}").unwrap();
    let (code, text) = fails(&|_| (), &[]).await;
    assert!(code == 1 && text.contains("keys.json: line 1 column 2: not a file of keys"), "{code} {text}");
}

/// Provider of `examples/openid-provider`, an issuer of another kind: authorization code flow, JWT access tokens.
#[tokio::test(flavor = "multi_thread")]
async fn token_of_a_small_openid_provider_is_accepted() {
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/openid-provider");
    assert!(
        example.join("node_modules").exists(),
        "`npm ci` in examples/openid-provider first, or run ./test"
    );
    let folder = tempfile::tempdir().unwrap();
    let mut provider = Command::new("node");
    provider.arg("check.js").arg(folder.path()).current_dir(example).kill_on_drop(true);
    let mut provider =
        provider.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::inherit()).spawn().unwrap();
    let mut lines = BufReader::new(provider.stdout.take().unwrap()).lines();
    let line = within("a token of the provider", lines.next_line()).await.unwrap();
    let found: Value =
        serde_json::from_str(&line.unwrap_or_else(|| panic!("the provider has failed"))).unwrap();
    let (_server, address) = server(found["issuer"].as_str().unwrap(), folder.path()).await;
    let push = program(&[
        "--url",
        &format!("http://{address}"),
        "--token",
        found["token"].as_str().unwrap(),
        "push",
    ])
    .env("LESS_SYNC_KEYS", folder.path().join("keys"))
    .stdin(Stdio::piped())
    .stdout(Stdio::piped())
    .stderr(Stdio::piped())
    .spawn();
    let mut push = push.unwrap();
    push.stdin.take().unwrap().write_all(b"hello").await.unwrap();
    let output = within("the push", push.wait_with_output()).await.unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    drop(provider.stdin.take());
    assert!(within("the end of the provider", provider.wait()).await.unwrap().success());
}
