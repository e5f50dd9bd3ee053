//! Picture of the dashboard for the documentation, drawn from the buffer of a fixed state. `just pictures` writes it.

use std::fmt::Write as _;
use std::path::Path;

use pretty_assertions::assert_eq;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::{Buffer, Cell};
use ratatui::style::{Color, Modifier};

use super::fixture;
use super::theme::Theme;
use super::view;

/// Size of a character, in pixels.
const WIDTH: usize = 9;
const HEIGHT: usize = 18;

/// Margin around the terminal, in pixels.
const MARGIN: usize = 12;

const BACKGROUND: &str = "#14181f";
const FOREGROUND: &str = "#d8dee9";

/// The picture is that of this build; with `LESS_SYNC_WRITE_PICTURE` set, it is written.
#[test]
fn picture_of_the_documentation_is_current() {
    let mut terminal = Terminal::new(TestBackend::new(80, 24)).unwrap();
    let dashboard = fixture::dashboard();
    terminal.draw(|frame| view::draw(frame, &dashboard, Theme::with_colours(true))).unwrap();
    let svg = svg(terminal.backend().buffer());
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/images/top.svg");
    if std::env::var_os("LESS_SYNC_WRITE_PICTURE").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, &svg).unwrap();
    }
    let stored = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(stored, svg, "the picture is outdated: run `just pictures`");
}

/// The buffer as text on a dark ground of its own, which is readable on light and dark pages.
fn svg(buffer: &Buffer) -> String {
    let (columns, rows) = (usize::from(buffer.area.width), usize::from(buffer.area.height));
    let (width, height) = (columns * WIDTH + 2 * MARGIN, rows * HEIGHT + 2 * MARGIN);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\" \
         role=\"img\" aria-label=\"less-sync top: figures, sparklines and a list of methods\">\n\
         <rect width=\"{width}\" height=\"{height}\" rx=\"8\" fill=\"{BACKGROUND}\"/>\n\
         <g font-family=\"ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace\" font-size=\"15\" \
         xml:space=\"preserve\">\n"
    );
    for (row, cells) in buffer.content().chunks(columns).enumerate() {
        let mut start = 0;
        // A run of equal style is one text, of a fixed length so that every font keeps the columns.
        for run in cells.chunk_by(|one, other| style(one) == style(other)) {
            let text: String = run.iter().map(Cell::symbol).collect();
            let (x, y) = (MARGIN + start * WIDTH, MARGIN + row * HEIGHT);
            start += run.len();
            let length = run.len() * WIDTH;
            let (foreground, background, weight) = style(&run[0]);
            if background != BACKGROUND {
                let _infallible = writeln!(
                    svg,
                    "<rect x=\"{x}\" y=\"{y}\" width=\"{length}\" height=\"{HEIGHT}\" fill=\"{background}\"/>"
                );
            }
            if !text.trim().is_empty() {
                let _infallible = writeln!(
                    svg,
                    "<text x=\"{x}\" y=\"{}\" textLength=\"{length}\" fill=\"{foreground}\"{weight}>{}</text>",
                    y + 14,
                    escaped(&text)
                );
            }
        }
    }
    svg.push_str("</g>\n</svg>\n");
    svg
}

/// Colours of a cell, and its weight as an attribute.
fn style(cell: &Cell) -> (&'static str, &'static str, &'static str) {
    #[expect(clippy::wildcard_enum_match_arm, reason = "the theme has no other colours")]
    let foreground = match cell.fg {
        Color::Cyan => "#5fd7d7",
        Color::DarkGray => "#8a94a6",
        Color::Green => "#7fd88f",
        Color::Red => "#ff7b72",
        Color::Blue => "#6cb6ff",
        _ => FOREGROUND,
    };
    let weight = if cell.modifier.contains(Modifier::BOLD) { " font-weight=\"bold\"" } else { "" };
    if cell.modifier.contains(Modifier::REVERSED) {
        (BACKGROUND, foreground, weight)
    } else {
        (foreground, BACKGROUND, weight)
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace(' ', "\u{a0}")
}
