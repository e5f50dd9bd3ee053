//! Drawings of a fixed state, to a buffer of 80 × 24.

use pretty_assertions::assert_eq;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::style::Color;

use crate::top::dashboard::Dashboard;
use crate::top::fixture;
use crate::top::keys::Command;
use crate::top::lists::List;
use crate::top::theme::Theme;

fn drawn(dashboard: &Dashboard) -> Vec<String> {
    let terminal = draw(dashboard, Theme::with_colours(true));
    terminal.backend().to_string().lines().map(|line| line.trim_matches('"').trim_end().to_owned()).collect()
}

fn draw(dashboard: &Dashboard, theme: Theme) -> Terminal<TestBackend> {
    let mut terminal = Terminal::new(TestBackend::new(80, 24)).unwrap();
    terminal.draw(|frame| super::draw(frame, dashboard, theme)).unwrap();
    terminal
}

fn has(lines: &[String], texts: &[&str]) {
    for text in texts {
        assert!(lines.iter().any(|line| line.contains(text)), "{text:?} is missing:\n{}", lines.join("\n"));
    }
}

#[test]
fn figures_and_methods_fit_a_small_terminal() {
    let lines = drawn(&fixture::dashboard());
    assert_eq!(lines.len(), 24);
    has(
        &lines,
        &[
            "less-sync http://127.0.0.1:9090  0.1.0  up 2d07h  connected",
            "requests 150/s",
            "connections 128",
            "watched spaces 96",
            "db used 3  waiting 0",
            "slow consumers 1",
            "memory 48.0 MiB  cpu 37%",
            "METHOD",
            "push",
            "q quit",
        ],
    );
    assert!(lines.iter().any(|line| line.contains('█')), "no sparkline:\n{}", lines.join("\n"));
}

#[test]
fn lists_are_sorted_by_their_marked_column() {
    let mut dashboard = fixture::dashboard();
    for (list, texts) in [
        (List::Connections, ["CONNECTION", "EVENTS▾", "242 KiB"]),
        (List::Spaces, ["SPACE", "BYTES▾", "3.2 GiB"]),
        (List::SlowConsumers, ["CONNECTION", "QUEUED▾", "2023-11-14T21:56:40Z"]),
        (List::Denials, ["TIME▾", "RULE", "chain.ucan_expired"]),
    ] {
        dashboard.apply(Command::Show(list));
        has(&drawn(&dashboard), &texts);
    }
    dashboard.apply(Command::Show(List::Spaces));
    dashboard.apply(Command::Sort);
    has(&drawn(&dashboard), &["RECORDS▾"]);
}

#[test]
fn row_is_shown_with_all_its_members() {
    let mut dashboard = fixture::dashboard();
    dashboard.apply(Command::Show(List::Denials));
    dashboard.apply(Command::Down);
    dashboard.apply(Command::Detail);
    has(&drawn(&dashboard), &["Details", "rule: chain.ucan_expired", "explanation: for the details"]);
    dashboard.apply(Command::Back);
    assert!(!drawn(&dashboard).iter().any(|line| line.contains("Details")));
    dashboard.apply(Command::Help);
    has(&drawn(&dashboard), &["Keys", "sort by the next column"]);
    assert!(dashboard.apply(Command::Back));
    assert!(!dashboard.apply(Command::Back), "Esc quits once nothing is open");
}

/// The figures of the last poll stay, and the next poll connects again.
#[test]
fn lost_server_is_shown_until_it_answers() {
    let mut dashboard = fixture::dashboard();
    dashboard.lost("cannot reach the admin listener: Connection refused".to_owned());
    has(
        &drawn(&dashboard),
        &["LOST, trying again", "cannot reach the admin listener: Connection refused", "connections 128"],
    );
    dashboard.update(fixture::poll(tokio::time::Instant::now(), 41));
    has(&drawn(&dashboard), &["  connected"]);
}

#[test]
fn first_drawing_has_no_figures() {
    let lines = drawn(&Dashboard::new("http://127.0.0.1:9090".to_owned()));
    has(&lines, &["connecting", "METHOD"]);
}

#[test]
fn no_colour_is_used_without_colours() {
    let mut dashboard = fixture::dashboard();
    dashboard.lost("gone".to_owned());
    let coloured = |theme| {
        let terminal = draw(&dashboard, theme);
        let cells = terminal.backend().buffer().content();
        cells.iter().filter(|cell| cell.fg != Color::Reset || cell.bg != Color::Reset).count()
    };
    assert_eq!(coloured(Theme::with_colours(false)), 0);
    assert!(coloured(Theme::with_colours(true)) > 0);
}

#[test]
fn tiny_terminal_is_no_failure() {
    for (width, height) in [(1, 1), (10, 3), (40, 12)] {
        let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
        let mut dashboard = fixture::dashboard();
        dashboard.apply(Command::Help);
        terminal.draw(|frame| super::draw(frame, &dashboard, Theme::with_colours(true))).unwrap();
    }
}
