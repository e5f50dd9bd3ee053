//! Links over TLS: with certificates of the servers themselves, and by way of nginx (federation AU-4 to AU-6).

use less_sync_test_support::{Authority, Cluster, ReverseProxy};
use pretty_assertions::assert_eq;

use crate::program::Shell as _;
use crate::sharing::toolbox_user::ToolboxUser;

const DEPLOYED: &str = include_str!("../../../../../deploy/proxies/nginx.conf");

/// Everything that passes between two servers: an invitation, records in both directions, live events, a file.
async fn share(cluster: &Cluster, alice: &ToolboxUser, bob: &ToolboxUser) {
    let space = alice.create("notes").await;
    let address = bob.address.clone().at(cluster.name(1).parse().unwrap()).to_string();
    alice.result(&["space", "invite", &address]).await;
    bob.accept().await;
    let mut tail = bob.tail(&["--since", "0", "--space", &space]).await;
    alice.push(&space, "from her server").await;
    bob.push(&space, "from his").await;
    assert_eq!([tail.text().await, tail.text().await], ["from her server", "from his"]);
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    std::fs::write(path("map.png"), b"a map").unwrap();
    bob.result(&["file", "put", "--space", &space, &path("map.png")]).await;
    for person in [alice, bob] {
        person.result(&["file", "get", "--space", &space, "map.png", "-o", &path("got")]).await;
        assert_eq!(std::fs::read(path("got")).unwrap(), b"a map");
    }
}

/// C03, T-101: keys and documents are fetched, links dialled and files sent to servers whose certificates only
/// `FEDERATION_CA_FILE` makes valid.
#[tokio::test(flavor = "multi_thread")]
async fn t_101_servers_with_certificates_of_their_own_share_a_space() {
    let cluster = Cluster::start_tls(2).await;
    let [alice, bob] = [("alice", 0), ("bob", 1)]
        .map(|(user, server)| ToolboxUser::over_tls(cluster.server(server), user, cluster.authority()));
    share(&cluster, &alice, &bob).await;
}

/// Two servers, of which the first is dialled by way of nginx. `schemes`: signed URLs that it accepts.
async fn behind_nginx(schemes: &str) {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new(folder.path());
    let trusted = authority.certificate().display().to_string();
    let cluster = Cluster::start_with(2, |_, builder| {
        let builder = builder.files().setting("FEDERATION_CA_FILE", &trusted);
        builder.setting("FEDERATION_SIGNATURE_SCHEMES", schemes)
    })
    .await;
    let proxy = nginx(&authority, cluster.server(0).address()).await;
    cluster.detour_tls(1, 0, proxy.address());
    let alice = ToolboxUser::new(cluster.server(0), "alice");
    let bob = ToolboxUser::new(cluster.server(1), "bob");
    share(&cluster, &alice, &bob).await;
}

/// nginx with the deployed file, on a port of its own, which is part of the signed header `Host`.
async fn nginx(authority: &Authority, server: std::net::SocketAddr) -> ReverseProxy {
    let files = authority.issue("proxy", "127.0.0.1");
    ReverseProxy::nginx(|address| {
        let replaced = [
            ("127.0.0.1:5379", server.to_string()),
            ("listen 443 ssl", format!("listen {address} ssl")),
            ("/etc/letsencrypt/live/sync.example.com/fullchain.pem", files.certificate.display().to_string()),
            ("/etc/letsencrypt/live/sync.example.com/privkey.pem", files.key.display().to_string()),
        ];
        replaced.into_iter().fold(DEPLOYED.to_owned(), |text, (from, to)| text.replace(from, &to))
    })
    .await
}

/// AU-4, AU-6: the dialling server signs the URL of the proxy, which the home never sees.
#[tokio::test(flavor = "multi_thread")]
async fn au_4_home_behind_nginx_is_dialled_over_tls() {
    behind_nginx("wss,https,ws,http").await;
}

/// AU-5: a home that takes only `ws` for signed, as original ones do, is dialled a second time.
#[tokio::test(flavor = "multi_thread")]
async fn au_5_home_that_expects_ws_is_dialled_over_tls() {
    behind_nginx("ws,https,http").await;
}
