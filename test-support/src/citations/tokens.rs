//! Lexer for citations: words, numbers, section marks and rule labels of a passage.

/// A token with its line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Token {
    /// Line within the file, from 1.
    pub(super) line: usize,
    /// Kind and text.
    pub(super) kind: Kind,
}

/// Kind of a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Section mark and number, such as `§4.3`, without the mark.
    Section(String),
    /// Text with the shape of a rule label, such as `S-24` or `T12`.
    Label(Label),
    /// Digits only.
    Number(u32),
    /// Any other run of letters, digits, `-` and `_`, in lower case.
    Word(String),
    /// Any other character except white space.
    Mark(char),
}

/// A rule label: one to three capital letters, an optional hyphen, one to three digits.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Label {
    /// Letters, with the hyphen: `S-` and `S` are different families.
    pub(super) family: String,
    /// Digits as written: `P-1` and `P-001` are different labels.
    pub(super) digits: String,
}

impl Label {
    /// Parses a whole text as a label.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let digits_at = text.find(|c: char| c.is_ascii_digit())?;
        let (family, digits) = text.split_at(digits_at);
        let letters = family.strip_suffix('-').unwrap_or(family);
        let is_label = (1..=3).contains(&letters.len())
            && letters.chars().all(|c| c.is_ascii_uppercase())
            && (1..=3).contains(&digits.len())
            && digits.chars().all(|c| c.is_ascii_digit());
        is_label.then(|| Self { family: family.to_owned(), digits: digits.to_owned() })
    }

    /// Label of the same family and width with another number.
    pub(super) fn with_number(&self, number: u32) -> Self {
        let width = self.digits.len();
        Self { family: self.family.clone(), digits: format!("{number:0width$}") }
    }
}

impl std::fmt::Display for Label {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}{}", self.family, self.digits)
    }
}

/// Tokens of `text`, whose first line has number `line`.
pub(super) fn tokens(line: usize, text: &str) -> Vec<Token> {
    let mut line = line;
    let mut rest = text;
    let mut found = Vec::new();
    while let Some(first) = rest.chars().next() {
        let (kind, length) = match first {
            '\n' => {
                line += 1;
                (None, 1)
            }
            '§' => section(rest),
            c if c.is_whitespace() => (None, c.len_utf8()),
            c if is_part(c) => run(rest),
            c => (Some(Kind::Mark(c)), c.len_utf8()),
        };
        found.extend(kind.map(|kind| Token { line, kind }));
        rest = rest.get(length..).unwrap_or_default();
    }
    found
}

fn is_part(c: char) -> bool {
    c.is_alphanumeric() || c == '-' || c == '_'
}

/// Number after a section mark. A mark without a number is no token.
fn section(rest: &str) -> (Option<Kind>, usize) {
    let mark = '§'.len_utf8();
    let after = rest.get(mark..).unwrap_or_default();
    let end = after.find(|c: char| !c.is_ascii_alphanumeric() && c != '.').unwrap_or(after.len());
    let number = after.get(..end).unwrap_or_default().trim_end_matches('.');
    let kind = number.starts_with(|c: char| c.is_ascii_digit()).then(|| Kind::Section(number.to_owned()));
    (kind, mark + number.len())
}

fn run(rest: &str) -> (Option<Kind>, usize) {
    let end = rest.find(|c: char| !is_part(c)).unwrap_or(rest.len());
    let text = rest.get(..end).unwrap_or_default();
    let kind = if let Ok(number) = text.parse() {
        Kind::Number(number)
    } else if let Some(label) = Label::parse(text) {
        Kind::Label(label)
    } else {
        Kind::Word(text.trim_matches('-').to_lowercase())
    };
    (Some(kind), end)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(text: &str) -> Vec<Kind> {
        tokens(1, text).into_iter().map(|token| token.kind).collect()
    }

    fn label(text: &str) -> Kind {
        Kind::Label(Label::parse(text).unwrap())
    }

    #[test]
    fn sections_end_before_the_full_stop() {
        assert_eq!(kinds("§4.3."), [Kind::Section("4.3".to_owned()), Kind::Mark('.')]);
        assert_eq!(kinds("§"), []);
    }

    #[test]
    fn labels_have_letters_and_up_to_three_digits() {
        for text in ["P1", "P-1", "P-180", "INV-12", "C01"] {
            assert_eq!(kinds(text), [label(text)], "{text}");
        }
        for text in ["p1", "ABCD-1", "P-1a", "P-1-x", "P1_", "P1000", "P-"] {
            assert!(!matches!(kinds(text)[0], Kind::Label(_)), "{text}");
        }
    }

    #[test]
    fn ranges_are_two_labels() {
        assert_eq!(kinds("P1–P24"), [label("P1"), Kind::Mark('–'), label("P24")]);
        assert_eq!(kinds("T-001…010"), [label("T-001"), Kind::Mark('…'), Kind::Number(10)]);
    }

    #[test]
    fn lines_are_counted() {
        let lines: Vec<_> = tokens(7, "a\nb §1\n\nc").into_iter().map(|token| token.line).collect();
        assert_eq!(lines, [7, 8, 8, 10]);
    }
}
