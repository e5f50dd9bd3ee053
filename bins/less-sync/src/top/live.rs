//! Polls of a real server, and what the dashboard shows of it.

use less_sync_client::ServerUrl;
use less_sync_test_support::{TestServer, create};
use ratatui::Terminal;
use ratatui::backend::TestBackend;

use super::dashboard::{Dashboard, Link};
use super::keys::Command;
use super::lists::List;
use super::poll::poll;
use super::theme::Theme;
use super::view;
use crate::admin::{AdminClient, AdminTarget};

fn drawn(dashboard: &Dashboard) -> String {
    let mut terminal = Terminal::new(TestBackend::new(80, 24)).unwrap();
    terminal.draw(|frame| view::draw(frame, dashboard, Theme::with_colours(true))).unwrap();
    terminal.backend().to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn state_follows_a_server_and_survives_its_loss() {
    let server = TestServer::builder().setting("ADMIN_ADDR", "127.0.0.1:0").start().await;
    let url = ServerUrl::parse(&format!("http://{}", server.admin_address())).unwrap();
    let client = AdminClient::new(AdminTarget::read(Some(&url), None).unwrap()).unwrap();
    let mut dashboard = Dashboard::new(client.base().to_owned());
    dashboard.update(poll(&client, true).await.unwrap());
    assert!(drawn(&dashboard).contains("connections 0"), "{}", drawn(&dashboard));
    let (mut alice, space) = (server.raw("alice").await, server.space("alice"));
    alice.subscribe(&space).await;
    for number in 1..=20 {
        alice.push_ok(&space, &[create(number, "x")]).await;
    }
    server.raw_with_token("no token").await.receive_close().await;
    dashboard.update(poll(&client, true).await.unwrap());
    let figures = dashboard.figures.clone().unwrap();
    let push = figures.methods.iter().find(|method| method.name == "push").unwrap();
    assert!(push.rate > 0.0 && push.p99.is_some() && figures.p50.is_some(), "{figures:?}");
    let text = drawn(&dashboard);
    assert!(text.contains("connections 1") && text.contains("push"), "{text}");
    dashboard.apply(Command::Show(List::Connections));
    dashboard.apply(Command::Detail);
    let path = dashboard.wanted_detail().unwrap();
    dashboard.complete_detail(Some(client.get(&path, &[]).await.unwrap()));
    assert_eq!(dashboard.wanted_detail(), None);
    assert!(drawn(&dashboard).contains(&format!("spaces: {space}")), "{}", drawn(&dashboard));
    for (list, shown) in [(List::Spaces, &space[..12]), (List::Denials, "token.invalid_token")] {
        dashboard.apply(Command::Show(list));
        assert!(drawn(&dashboard).contains(shown), "{}", drawn(&dashboard));
    }
    drop(server);
    let lost = poll(&client, false).await.unwrap_err();
    dashboard.lost(lost.to_string());
    assert!(
        matches!(&dashboard.link, Link::Lost(reason) if reason.starts_with("cannot reach")),
        "{dashboard:?}"
    );
    assert!(drawn(&dashboard).contains("LOST, trying again"));
}
