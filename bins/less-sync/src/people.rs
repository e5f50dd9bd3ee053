//! Lines for people: changes of spaces in aligned columns, with short ids and local times.

mod change;

use std::io::IsTerminal as _;

use less_sync_core::Cursor;

use crate::palette::{Palette, Tone};

use change::SHORT_ID;
pub(crate) use change::{Change, printable, space_id};

/// Width of the column of a subject without a terminal, in characters; longer subjects move what follows.
const SUBJECT: usize = 32;
/// Width of the column of a note, in characters.
const NOTE: usize = 14;
/// Width of the column of a cursor, in characters.
const CURSOR: usize = 5;
/// Smallest width that a subject is shortened to, in characters.
const LEAST: usize = 20;

/// Layout of lines: colours, and the widths of the columns.
#[derive(Clone, Debug)]
pub(crate) struct People {
    palette: Palette,
    /// Width of the column of space names; 0 without that column.
    spaces: usize,
    /// Width of the terminal; `None` if lines have any length.
    terminal: Option<usize>,
}

/// Columns in front of a change.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Prefix<'a> {
    /// Local time of day.
    pub(crate) time: Option<&'a str>,
    /// Name of the space.
    pub(crate) space: Option<&'a str>,
}

impl People {
    /// Layout for standard output, with a column for the names of `spaces`.
    pub(crate) fn of_stdout<'a>(spaces: impl Iterator<Item = &'a str>) -> Self {
        let is_terminal = std::io::stdout().is_terminal();
        let terminal = crossterm::terminal::size().ok().filter(|_| is_terminal);
        Self {
            palette: Palette::of_stdout(),
            spaces: spaces.map(|name| name.chars().count()).max().unwrap_or(0),
            terminal: terminal.map(|(columns, _)| usize::from(columns)),
        }
    }

    /// Line of a change.
    pub(crate) fn line(&self, prefix: Prefix<'_>, change: &Change) -> String {
        let mut columns = Vec::new();
        let mut width = 0;
        let mut add = |tone: Option<Tone>, text: &str, least: usize| {
            let padding = " ".repeat(least.saturating_sub(text.chars().count()));
            width += text.chars().count() + padding.len() + 2;
            let painted = tone.map_or_else(|| text.to_owned(), |tone| self.palette.paint(tone, text));
            columns.push(painted + &padding);
            width
        };
        if let Some(time) = prefix.time {
            add(Some(Tone::Faint), time, 0);
        }
        if let Some(space) = prefix.space {
            add(Some(Tone::Name), space, self.spaces);
        }
        let before = add(None, &cursor(change.cursor), CURSOR);
        let (subject, least) = match self.terminal {
            Some(terminal) => {
                let room = terminal.saturating_sub(before + NOTE + SHORT_ID + 4).max(LEAST);
                (shortened(&change.subject, room), room.min(SUBJECT))
            }
            None => (change.subject.clone(), SUBJECT),
        };
        add(Some(change.tone), &subject, least);
        add(Some(Tone::Sealed), &change.note, NOTE);
        add(Some(Tone::Faint), &change.id, 0);
        columns.join("  ").trim_end().to_owned()
    }
}

fn cursor(cursor: Option<Cursor>) -> String {
    cursor.map(|cursor| format!("#{}", cursor.get())).unwrap_or_default()
}

fn shortened(text: &str, room: usize) -> String {
    if text.chars().count() <= room {
        return text.to_owned();
    }
    let kept: String = text.chars().take(room.saturating_sub(1)).collect();
    kept + "…"
}

/// Name without control characters, for one line; `fallback` for an empty one.
pub(crate) fn name_or(name: &str, fallback: &str) -> String {
    let shown: String = name.chars().filter(|c| !c.is_control()).take(LEAST).collect();
    if shown.trim().is_empty() { fallback.to_owned() } else { shown }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use less_sync_client::RecordRow;
    use less_sync_core::RecordId;
    use pretty_assertions::assert_eq;

    use super::*;

    fn record(content: &'static str) -> Change {
        let blob = Some(Bytes::from_static(content.as_bytes()));
        let row = RecordRow {
            id: RecordId::from_bytes([0xab; 16]),
            cursor: Cursor::new(7).unwrap(),
            blob,
            dek: None,
        };
        Change::record(&row, Some(39))
    }

    #[test]
    fn columns_are_aligned_and_long_text_is_cut_on_a_terminal_only() {
        let layout = |terminal| People { palette: Palette::none(), spaces: 8, terminal };
        let prefix = Prefix { time: Some("20:08:43"), space: Some("notes") };
        let line = layout(None).line(prefix, &record("hello bob\n"));
        let expected =
            "20:08:43  notes     #7     \"hello bob\"                       39 B sealed     abababab";
        assert_eq!(line, expected);
        let long = record("one word after another, and no end of them in sight for now");
        assert!(layout(None).line(prefix, &long).contains("sight for now"));
        let cut = layout(Some(80)).line(prefix, &long);
        assert!(cut.contains('…') && cut.chars().count() <= 80, "{cut}");
    }

    #[test]
    fn names_of_others_control_no_terminal() {
        assert_eq!(name_or("\x1b[31mred\n", "x"), "[31mred");
        assert_eq!(name_or(" \u{7} ", "personal"), "personal");
    }
}
