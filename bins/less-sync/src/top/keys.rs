//! Keys of the dashboard.

use crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

use super::lists::List;

/// Command of the user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Command {
    Quit,
    /// Closes what is open, or quits.
    Back,
    Help,
    Detail,
    Pause,
    Show(List),
    NextList,
    PreviousList,
    Sort,
    Up,
    Down,
    PageUp,
    PageDown,
}

/// Keys with their effects, for the help.
pub(super) const HELP: [(&str, &str); 9] = [
    ("1 … 5, Tab", "show a list"),
    ("↑ ↓, k j", "select a row"),
    ("PgUp PgDn", "ten rows at once"),
    ("Enter", "all members of the row"),
    ("s", "sort by the next column"),
    ("p, Space", "pause and continue"),
    ("?", "this help"),
    ("Esc", "close, or quit"),
    ("q, Ctrl-C", "quit"),
];

/// Command of a key press; `None` for other keys.
pub(super) fn command(key: KeyEvent) -> Option<Command> {
    if key.kind == KeyEventKind::Release {
        return None;
    }
    if key.modifiers.contains(KeyModifiers::CONTROL) {
        return (key.code == KeyCode::Char('c')).then_some(Command::Quit);
    }
    #[expect(clippy::wildcard_enum_match_arm, reason = "most keys have no command")]
    match key.code {
        KeyCode::Char('q') => Some(Command::Quit),
        KeyCode::Esc => Some(Command::Back),
        KeyCode::Char('?' | 'h') => Some(Command::Help),
        KeyCode::Enter => Some(Command::Detail),
        KeyCode::Char('p' | ' ') => Some(Command::Pause),
        KeyCode::Char('s') => Some(Command::Sort),
        KeyCode::Tab | KeyCode::Right => Some(Command::NextList),
        KeyCode::BackTab | KeyCode::Left => Some(Command::PreviousList),
        KeyCode::Up | KeyCode::Char('k') => Some(Command::Up),
        KeyCode::Down | KeyCode::Char('j') => Some(Command::Down),
        KeyCode::PageUp => Some(Command::PageUp),
        KeyCode::PageDown => Some(Command::PageDown),
        KeyCode::Char(digit @ '1'..='5') => {
            let place = usize::try_from(digit.to_digit(10)?).ok()?.checked_sub(1)?;
            List::ALL.get(place).copied().map(Command::Show)
        }
        _ => None,
    }
}
