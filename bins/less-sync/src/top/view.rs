//! Drawing of the dashboard: a title, figures with sparklines, a list, and the keys. Fits 80 × 24.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Cell, Clear, Paragraph, Row, Sparkline, Table, TableState};

use super::dashboard::{Dashboard, Link};
use super::figures::Figures;
use super::history::Series;
use super::keys::HELP;
use super::lists::{self, List};
use super::theme::Theme;
use crate::admin::{Form, format};

/// Draws the dashboard.
pub(super) fn draw(frame: &mut Frame<'_>, dashboard: &Dashboard, theme: Theme) {
    let rows = [Constraint::Length(1), Constraint::Length(7), Constraint::Length(1), Constraint::Min(3)];
    let [title, figures, tabs, list] = Layout::vertical(rows).areas(frame.area());
    let [list, keys] = Layout::vertical([Constraint::Min(2), Constraint::Length(1)]).areas(list);
    draw_title(frame, title, dashboard, theme);
    if let Link::Lost(reason) = &dashboard.link {
        let below = Rect { height: figures.height.min(1), ..figures };
        frame.render_widget(Paragraph::new(format!(" {reason}")).style(theme.alarm()), below);
    }
    if let Some(shown) = &dashboard.figures {
        draw_figures(frame, figures, shown, dashboard, theme);
    }
    draw_tabs(frame, tabs, dashboard);
    draw_list(frame, list, dashboard, theme);
    let hint = " q quit  ? help  Tab list  s sort  Enter details  p pause";
    frame.render_widget(Paragraph::new(hint).style(theme.label()), keys);
    if dashboard.is_help {
        let lines = HELP.map(|(keys, effect)| format!("{keys:<14}{effect}"));
        draw_popup(frame, " Keys ", &lines, theme);
    } else if let Some(row) = dashboard.detail() {
        draw_popup(frame, " Details ", &lists::details(row), theme);
    }
}

fn draw_title(frame: &mut Frame<'_>, area: Rect, dashboard: &Dashboard, theme: Theme) {
    let mut line = vec![Span::styled("less-sync ", theme.title()), Span::raw(dashboard.server.clone())];
    if let Some(figures) = &dashboard.figures {
        let uptime = format::age(figures.uptime);
        line.push(Span::styled(format!("  {}  up {uptime}", figures.version), theme.label()));
    }
    line.push(match &dashboard.link {
        Link::Connecting => Span::styled("  connecting", theme.label()),
        Link::Connected if dashboard.is_paused => Span::styled("  paused", theme.alarm()),
        Link::Connected => Span::styled("  connected", theme.good()),
        Link::Lost(_) => Span::styled("  LOST, trying again", theme.alarm()),
    });
    frame.render_widget(Line::from(line), area);
}

fn draw_figures(frame: &mut Frame<'_>, area: Rect, figures: &Figures, dashboard: &Dashboard, theme: Theme) {
    let [left, right] =
        Layout::horizontal([Constraint::Percentage(58), Constraint::Percentage(42)]).areas(area);
    let [_, requests, events, errors, latency, bytes, _] =
        Layout::vertical([Constraint::Length(1); 7]).areas(left);
    let history = &dashboard.history;
    let rate = |rate: f64| format!("{}/s", format::count(rate));
    let seconds = |seconds: Option<f64>| seconds.map_or_else(|| "-".to_owned(), format::duration);
    draw_series(frame, requests, ("requests", rate(figures.requests), &history.requests), theme);
    draw_series(frame, events, ("events", rate(figures.events), &history.events), theme);
    draw_series(frame, errors, ("errors", rate(figures.errors), &history.errors), theme);
    draw_series(frame, latency, ("p99", seconds(figures.p99), &history.p99), theme);
    let traffic = [
        ("in", format!("{}/s", format::bytes(figures.bytes_in))),
        ("out", format!("{}/s", format::bytes(figures.bytes_out))),
        ("p50", seconds(figures.p50)),
    ];
    frame.render_widget(named(&traffic, theme), bytes);
    let queued = |bytes: Option<f64>| bytes.map_or_else(|| "-".to_owned(), format::bytes);
    let [replies, durable] = figures.queued;
    let count = |number: f64| format::count(number);
    let lines = [
        named(&[("connections", count(figures.connections)), ("subs", count(figures.subscriptions))], theme),
        named(&[("watched spaces", count(figures.spaces_watched)), ("http", rate(figures.http))], theme),
        named(&[("queued p99", queued(durable)), ("replies", queued(replies))], theme),
        named(&[("db used", count(figures.pool_used)), ("waiting", count(figures.pool_waiting))], theme),
        named(&[("slow consumers", count(figures.slow_consumers))], theme),
        named(
            &[("memory", format::bytes(figures.memory)), ("cpu", format!("{:.0}%", figures.cpu * 100.0))],
            theme,
        ),
    ];
    let [_, right, _] =
        Layout::vertical([Constraint::Length(1), Constraint::Length(6), Constraint::Min(0)]).areas(right);
    frame.render_widget(Paragraph::new(lines.to_vec()), right);
}

/// Line of names and values.
fn named(figures: &[(&'static str, String)], theme: Theme) -> Line<'static> {
    let spans = figures.iter().flat_map(|(name, value)| {
        [Span::styled(format!(" {name} "), theme.label()), Span::styled(format!("{value} "), Theme::value())]
    });
    Line::from(spans.collect::<Vec<_>>())
}

/// Name, value and sparkline of a series.
fn draw_series(
    frame: &mut Frame<'_>,
    area: Rect,
    (name, value, series): (&'static str, String, &Series),
    theme: Theme,
) {
    let widths = [Constraint::Length(10), Constraint::Length(10), Constraint::Min(8), Constraint::Length(2)];
    let [of_name, of_value, of_line, _] = Layout::horizontal(widths).areas(area);
    frame.render_widget(Paragraph::new(format!(" {name}")).style(theme.label()), of_name);
    frame.render_widget(Paragraph::new(value).style(Theme::value()), of_value);
    let values = series.last(usize::from(of_line.width));
    frame.render_widget(Sparkline::default().data(&values).style(theme.spark()), of_line);
}

fn draw_tabs(frame: &mut Frame<'_>, area: Rect, dashboard: &Dashboard) {
    let tabs = List::ALL.iter().enumerate().map(|(place, list)| {
        let style = if *list == dashboard.list { Theme::selected() } else { Style::new() };
        Span::styled(format!(" {} {} ", place + 1, list.title()), style)
    });
    frame.render_widget(Line::from(tabs.collect::<Vec<_>>()), area);
}

fn draw_list(frame: &mut Frame<'_>, area: Rect, dashboard: &Dashboard, theme: Theme) {
    let (list, order) = (dashboard.list, dashboard.order());
    let columns = list.columns();
    let header = columns.iter().enumerate().map(|(place, (title, _, form, width))| {
        let mark = if place == order { "▾" } else { "" };
        let style = if place == order { theme.title() } else { theme.label() };
        Cell::from(Span::styled(aligned(&format!("{title}{mark}"), *form, *width), style))
    });
    let header = Row::new(header.collect::<Vec<_>>());
    let rows = dashboard.rows().iter().map(|row| {
        let cells = lists::cells(list, row).into_iter().zip(columns);
        Row::new(cells.map(|(cell, (_, _, form, width))| aligned(&cell, *form, *width)).collect::<Vec<_>>())
    });
    let widths = columns.iter().map(|(.., width)| Constraint::Length(*width));
    let table =
        Table::new(rows, widths).header(header).row_highlight_style(Theme::selected()).column_spacing(1);
    let mut state = TableState::default();
    if dashboard.selection().is_some() {
        state.select(Some(dashboard.selected));
    }
    frame.render_stateful_widget(table, area, &mut state);
}

/// Cell of this width; numbers are right-aligned.
fn aligned(text: &str, form: Form, width: u16) -> String {
    let width = usize::from(width);
    if form.is_number() { format!("{text:>width$}") } else { text.to_owned() }
}

fn draw_popup(frame: &mut Frame<'_>, title: &'static str, lines: &[String], theme: Theme) {
    let area = frame.area();
    let longest = lines.iter().map(|line| line.chars().count()).max().unwrap_or(0).max(20);
    let width = u16::try_from(longest + 4).unwrap_or(u16::MAX).min(area.width);
    let height = u16::try_from(lines.len() + 2).unwrap_or(u16::MAX).min(area.height);
    let place =
        Rect { x: area.x + (area.width - width) / 2, y: area.y + (area.height - height) / 2, width, height };
    let block = Block::bordered().title(Span::styled(title, theme.title()));
    let text = lines.iter().map(|line| Line::raw(format!(" {line}"))).collect::<Vec<_>>();
    frame.render_widget(Clear, place);
    frame.render_widget(Paragraph::new(text).block(block), place);
}

#[cfg(test)]
mod tests;
