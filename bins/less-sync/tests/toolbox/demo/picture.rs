//! Picture of recorded lines as SVG. They appear one after the other, unless reduced motion is preferred.

use std::fmt::Write as _;

use super::recording::Recording;

/// Size of a character, in pixels.
const WIDTH: usize = 9;
const HEIGHT: usize = 18;
/// Columns of the terminal.
const COLUMNS: usize = 94;
/// Margin around the terminal, in pixels.
const MARGIN: usize = 14;
/// Time between two lines, in milliseconds.
const STEP: usize = 220;

const STYLE: &str = "<style>text{white-space:pre}g.l{animation:l .25s both}@keyframes l{from{opacity:0}}\
                     @media(prefers-reduced-motion:reduce){g.l{animation:none}}</style>\n";

/// Text on a dark ground of its own, which is readable on light and dark pages.
pub(crate) fn draw(recording: &Recording) -> String {
    let lines = &recording.0;
    let (width, height) = (COLUMNS * WIDTH + 2 * MARGIN, (lines.len() + 1) * HEIGHT + 2 * MARGIN);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\" \
         role=\"img\" aria-label=\"less-sync demo: Alice writes, Bob reads, is removed, and can read no longer\">\n{STYLE}\
         <rect width=\"{width}\" height=\"{height}\" rx=\"8\" fill=\"#14181f\"/>\n\
         <g font-family=\"ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace\" font-size=\"15\" \
         xml:space=\"preserve\">\n"
    );
    let prompt = vec![("#8a94a6", "", "$ "), ("#d8dee9", "", "less-sync demo")];
    line(&mut svg, 0, &prompt);
    for (index, spans) in lines.iter().enumerate() {
        let spans: Vec<_> = spans
            .iter()
            .map(|span| {
                let (colour, weight) = style(&span.code);
                (colour, weight, span.text.as_str())
            })
            .collect();
        line(&mut svg, index + 1, &spans);
    }
    svg.push_str("</g>\n</svg>\n");
    svg
}

fn line(svg: &mut String, row: usize, spans: &[(&str, &str, &str)]) {
    if spans.is_empty() {
        return;
    }
    let _infallible = writeln!(svg, "<g class=\"l\" style=\"animation-delay:{}ms\">", row * STEP);
    let mut column = 0;
    for (colour, weight, text) in spans {
        let length = text.chars().count();
        if !text.trim().is_empty() {
            let _infallible = writeln!(
                svg,
                "<text x=\"{}\" y=\"{}\" textLength=\"{}\" fill=\"{colour}\"{weight}>{}</text>",
                MARGIN + column * WIDTH,
                MARGIN + row * HEIGHT + 14,
                length * WIDTH,
                escaped(text)
            );
        }
        column += length;
    }
    svg.push_str("</g>\n");
    assert!(column <= COLUMNS, "a line of {column} columns: {spans:?}");
}

fn style(code: &str) -> (&'static str, &'static str) {
    match code {
        "90" => ("#8a94a6", ""),
        "1" => ("#ffffff", " font-weight=\"bold\""),
        "32" => ("#7fd88f", ""),
        "35" => ("#d2a8ff", ""),
        "36" => ("#5fd7d7", ""),
        "31" => ("#ff7b72", ""),
        "" => ("#d8dee9", ""),
        other => panic!("no colour for {other}"),
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace(' ', "\u{a0}")
}
