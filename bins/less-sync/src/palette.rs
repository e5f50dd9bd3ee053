//! Colours of text for people, by the environment (<https://no-color.org>, <https://bixense.com/clicolors>).

use std::ffi::OsStr;
use std::io::IsTerminal as _;

/// Meaning of a piece of text, which decides its colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tone {
    /// Ids, times and other context.
    Faint,
    /// Headings.
    Title,
    /// Content that was decrypted.
    Clear,
    /// Ciphertext.
    Sealed,
    /// Names of spaces and people.
    Name,
    /// Rejections.
    Alarm,
}

impl Tone {
    fn code(self) -> &'static str {
        match self {
            Self::Faint => "90",
            Self::Title => "1",
            Self::Clear => "32",
            Self::Sealed => "35",
            Self::Name => "36",
            Self::Alarm => "31",
        }
    }
}

/// Colours of one output stream, or none.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Palette {
    has_colours: bool,
}

impl Palette {
    /// Colours on a terminal, unless `NO_COLOR` is set; everywhere if `CLICOLOR_FORCE` is.
    pub(crate) fn of_stdout() -> Self {
        let is_set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let is_forced = std::env::var_os("CLICOLOR_FORCE")
            .is_some_and(|value| !value.is_empty() && value != OsStr::new("0"));
        let is_dumb = std::env::var_os("TERM").is_some_and(|value| value == OsStr::new("dumb"));
        let is_terminal = std::io::stdout().is_terminal() && !is_dumb;
        Self { has_colours: !is_set("NO_COLOR") && (is_terminal || is_forced) }
    }

    /// No colours.
    #[cfg(test)]
    pub(crate) fn none() -> Self {
        Self { has_colours: false }
    }

    /// Returns whether text is coloured.
    pub(crate) fn has_colours(self) -> bool {
        self.has_colours
    }

    /// Text in the colour of its tone.
    pub(crate) fn paint(self, tone: Tone, text: &str) -> String {
        if self.has_colours && !text.is_empty() {
            format!("\x1b[{}m{text}\x1b[0m", tone.code())
        } else {
            text.to_owned()
        }
    }
}
