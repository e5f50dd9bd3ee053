//! First words of doc comments, error texts and log messages.
//!
//! A doc comment starts with a statement that stands alone: a noun phrase for a thing, a verb phrase for a function.
//! Question words and pronouns without a noun are refused, since they need the surroundings to mean anything.

use super::tokens::{Token, tokens};

/// Words that no text starts with.
const REFUSED: &[&str] = &[
    // question words
    "how",
    "what",
    "whatever",
    "when",
    "whenever",
    "where",
    "wherever",
    "whether",
    "which",
    "whichever",
    "who",
    "whoever",
    "whom",
    "whomever",
    "whose",
    "why",
    // pronouns
    "anybody",
    "anyone",
    "everybody",
    "everyone",
    "he",
    "her",
    "hers",
    "his",
    "i",
    "it",
    "its",
    "my",
    "nobody",
    "one",
    "ones",
    "our",
    "ours",
    "she",
    "somebody",
    "someone",
    "that",
    "their",
    "theirs",
    "them",
    "these",
    "they",
    "this",
    "those",
    "us",
    "we",
    "you",
    "your",
];

/// A text that starts with a refused word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadOpening {
    /// Line in the file, from 1.
    pub line: usize,
    /// The text, as far as it is on that line.
    pub text: String,
}

/// Every doc comment, error text and log message in `source` that starts with a question word or a bare pronoun.
#[must_use]
pub fn bad_openings(source: &str) -> Vec<BadOpening> {
    let mut found: Vec<_> =
        doc_openings(source).chain(messages(source)).filter(|opening| is_refused(&opening.text)).collect();
    found.sort_by_key(|opening| opening.line);
    found
}

fn is_refused(text: &str) -> bool {
    let word = text.split(|c: char| !(c.is_alphanumeric() || c == '_')).next().unwrap_or_default();
    REFUSED.contains(&word.to_lowercase().as_str())
}

/// First lines of doc comments.
fn doc_openings(source: &str) -> impl Iterator<Item = BadOpening> {
    let mut before = None;
    source.lines().enumerate().filter_map(move |(index, line)| {
        let line = line.trim_start();
        let marker =
            ["///", "//!"].into_iter().find(|marker| line.starts_with(marker) && !line.starts_with("////"));
        let is_first = marker.is_some() && marker != before;
        before = marker;
        let text = line.get(3..).filter(|_| is_first)?.trim().to_owned();
        Some(BadOpening { line: index + 1, text })
    })
}

/// Texts of `#[error("…")]`, and messages of `tracing` macros.
fn messages(source: &str) -> impl Iterator<Item = BadOpening> {
    let tokens = tokens(source);
    let texts: Vec<_> = (0..tokens.len()).filter_map(|at| message(tokens.get(at..)?)).collect();
    texts.into_iter().map(|text| {
        let before = text.as_ptr().addr() - source.as_ptr().addr();
        let line = source.get(..before).map_or(0, |before| before.lines().count().max(1));
        BadOpening { line, text: text.to_owned() }
    })
}

const LEVELS: [&str; 5] = ["error", "warn", "info", "debug", "trace"];

/// The message of the attribute or macro call at the start of `tokens`.
fn message<'s>(tokens: &[Token<'s>]) -> Option<&'s str> {
    match tokens {
        [
            Token::Mark('#'),
            Token::Mark('['),
            Token::Name("error"),
            Token::Mark('('),
            Token::Text(text),
            ..,
        ] => Some(text),
        [
            Token::Name("tracing"),
            Token::PathSeparator,
            Token::Name(level),
            Token::Mark('!'),
            Token::Mark('('),
            arguments @ ..,
        ] if LEVELS.contains(level) => log_message(arguments),
        _ => None,
    }
}

/// The first text that is an argument of its own, not the value of a field.
fn log_message<'s>(arguments: &[Token<'s>]) -> Option<&'s str> {
    let mut depth = 0_usize;
    let mut is_start = true;
    for token in arguments {
        match token {
            Token::Mark('(' | '[' | '{') => depth += 1,
            Token::Mark(')' | ']' | '}') if depth == 0 => return None,
            Token::Mark(')' | ']' | '}') => depth -= 1,
            Token::Text(text) if depth == 0 && is_start => return Some(text),
            Token::Name(_) | Token::PathSeparator | Token::Mark(_) | Token::Text(_) => {}
        }
        is_start = *token == Token::Mark(',');
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(source: &str) -> Vec<usize> {
        bad_openings(source).into_iter().map(|opening| opening.line).collect()
    }

    #[test]
    fn question_words_and_pronouns_are_refused_at_the_start() {
        for bad in [
            "//! Who goes next.",
            "/// How long a test waits.",
            "/// What a connection is doing.",
            "/// Whether bytes came in.",
            "    /// It's over.",
            "/// This reads a file.",
            "/// One of them.",
            "/// WHERE the data lives.",
        ] {
            assert_eq!(lines(bad), [1], "{bad}");
        }
    }

    #[test]
    fn statements_pass() {
        for good in [
            "//! Per-issuer key cache: single-flight fetch.",
            "/// Maximum pushes per second.",
            "/// `it` is a name.",
            "/// Itself.",
            "/// Returns what is left.",
            "// Why the lock comes first.",
            "//// What is this?",
        ] {
            assert_eq!(lines(good), [0; 0], "{good}");
        }
    }

    #[test]
    fn only_first_lines_count() {
        let source = "//! Title.\n//!\n//! What follows.\n\n/// A thing\n/// that goes on.\nstruct A;\n/// That.\nstruct B;";
        assert_eq!(lines(source), [8]);
    }

    #[test]
    fn error_texts_and_log_messages_are_checked() {
        let source = "#[error(\"it is damaged\")]\n#[error(\"space not found\")]\n#[error(transparent)]\n\
            tracing::warn!(error = \"it\", \"nobody listens\");\ntracing::info!(task = f(\"we\"), \"task ended\");\n\
            tracing::debug!(\"whatever {x}\");";
        assert_eq!(lines(source), [1, 4, 6]);
    }
}
