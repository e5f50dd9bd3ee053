//! First words of doc comments, comments, error texts, log messages and test names.
//!
//! A text starts with a statement that stands alone: a noun phrase for a thing, a verb phrase for a function. Question
//! words and pronouns without a noun are rejected. A citation in front of the text (`P-225:`, `storage §4.1:`) is
//! skipped, and the text under `# Errors` and `# Panics` counts as a first line.

use super::tokens::{Token, tokens};

/// Words that no text starts with.
const REJECTED_OPENINGS: &[&str] = &[
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
    // pronouns and indefinite words
    "anybody",
    "anyone",
    "each",
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
    "none",
    "nothing",
    "one",
    "ones",
    "our",
    "ours",
    "she",
    "some",
    "somebody",
    "someone",
    "such",
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

/// Words that no test name contains.
const REJECTED_IN_NAMES: &[&str] =
    &["anybody", "everybody", "nobody", "somebody", "whatever", "wherever", "whoever"];

/// A text with a rejected word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadText {
    /// Line in the file, from 1.
    pub line: usize,
    /// The text, as far as it is on that line.
    pub text: String,
}

/// Every first line of a comment, error text, log message and test name in `source` that starts with a question word or a
/// bare pronoun.
#[must_use]
pub fn bad_openings(source: &str) -> Vec<BadText> {
    let openings = doc_openings(source).chain(comment_openings(source)).chain(messages(source));
    let mut found: Vec<_> = openings.filter(|opening| is_rejected(without_citation(&opening.text))).collect();
    found.extend(test_names(source).filter(|name| is_rejected_name(&name.text)));
    found.sort_by_key(|text| text.line);
    found
}

fn is_rejected(text: &str) -> bool {
    let word = text.split(|c: char| !(c.is_alphanumeric() || c == '_')).next().unwrap_or_default();
    REJECTED_OPENINGS.contains(&word.to_lowercase().as_str())
}

fn is_rejected_name(name: &str) -> bool {
    let mut words = name.split('_');
    words.clone().next().is_some_and(is_rejected) || words.any(|word| REJECTED_IN_NAMES.contains(&word))
}

/// The text behind the citation that it begins with: rules and sections, or the quoted name of a scenario.
fn without_citation(text: &str) -> &str {
    match text.split_once(": ") {
        Some((citation, rest)) if is_citation(citation) => rest,
        _ => text,
    }
}

fn is_citation(text: &str) -> bool {
    let is_quoted = text.starts_with('"') && text.ends_with('"');
    let is_number = |word: &str| word.contains(|c: char| c.is_ascii_digit() || c == '§');
    let is_page = |word: &str| word.chars().all(|c| c.is_ascii_alphabetic() || c == '-' || c == ',');
    is_quoted
        || (text.split(' ').all(|word| is_number(word) || is_page(word)) && text.split(' ').any(is_number))
}

/// First lines of doc comments, and of their sections on errors and panics.
fn doc_openings(source: &str) -> impl Iterator<Item = BadText> {
    let (mut before, mut is_section) = (None, false);
    source.lines().enumerate().filter_map(move |(index, line)| {
        let line = line.trim_start();
        let marker =
            ["///", "//!"].into_iter().find(|marker| line.starts_with(marker) && !line.starts_with("////"));
        let is_first = marker.is_some() && (is_section || marker != before);
        before = marker;
        let text = line.get(3..).filter(|_| marker.is_some()).unwrap_or_default().trim();
        is_section = ["# Errors", "# Panics"].contains(&text);
        is_first.then(|| BadText { line: index + 1, text: text.to_owned() })
    })
}

/// First lines of plain comments.
fn comment_openings(source: &str) -> impl Iterator<Item = BadText> {
    let mut is_inside = false;
    source.lines().enumerate().filter_map(move |(index, line)| {
        let text = line.trim_start().strip_prefix("//").filter(|text| !text.starts_with(['/', '!']));
        let is_first = text.is_some() && !is_inside;
        is_inside = text.is_some();
        text.filter(|_| is_first).map(|text| BadText { line: index + 1, text: text.trim().to_owned() })
    })
}

/// Names of test functions.
fn test_names(source: &str) -> impl Iterator<Item = BadText> {
    let mut is_test = false;
    source.lines().enumerate().filter_map(move |(index, line)| {
        let line = line.trim_start();
        if line.starts_with("#[") {
            is_test |= line.starts_with("#[test]") || line.starts_with("#[tokio::test");
            return None;
        }
        let name = line.split_once("fn ").and_then(|(_, rest)| rest.split_once('(')).map(|(name, _)| name);
        let name = name.filter(|_| is_test);
        is_test = false;
        name.map(|name| BadText { line: index + 1, text: name.to_owned() })
    })
}

/// Error texts, reasons of lint attributes, and messages of `tracing` macros.
fn messages(source: &str) -> impl Iterator<Item = BadText> {
    let tokens = tokens(source);
    let texts: Vec<_> = (0..tokens.len()).filter_map(|at| message(tokens.get(at..)?)).collect();
    texts.into_iter().map(|text| {
        let before = text.as_ptr().addr() - source.as_ptr().addr();
        let line = source.get(..before).map_or(0, |before| before.lines().count().max(1));
        BadText { line, text: text.to_owned() }
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
        ]
        | [Token::Name("bail" | "anyhow"), Token::Mark('!'), Token::Mark('('), Token::Text(text), ..]
        | [Token::Mark('.'), Token::Name("context"), Token::Mark('('), Token::Text(text), ..]
        | [Token::Name("reason"), Token::Mark('='), Token::Text(text), ..] => Some(text),
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
            "/// P-225: what a connection hears.",
            "/// storage §4.1, T12: nobody reads this.",
            "/// \"same file again\": what was stored first stays.",
            "// Why the lock comes first.",
            "bail!(\"we have no key\");",
            "x.context(\"your rights have expired\");",
            "#[expect(lint, reason = \"this is the clock\")]",
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
            "//// What is this?",
            "/// P-225: a connection receives events of its spaces.",
            "/// Errors: none.",
            "// The lock comes first.\n// What follows is free of it.",
            "/// A thing.\n///\n/// # Errors\n/// A failed query.",
            "bail!(\"space {space} not found\");",
            "#[test]\nfn push_is_stored() {}",
            "fn what() {}",
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
    fn sections_on_errors_and_panics_start_with_a_statement() {
        let source =
            "/// A thing.\n///\n/// # Errors\n/// When the disk is full.\n///\n/// # Panics\n/// Whatever.";
        assert_eq!(lines(source), [4, 7]);
    }

    #[test]
    fn test_names_are_checked() {
        let source = "#[test]\nfn what_is_lost() {}\n#[tokio::test(start_paused = true)]\n#[ignore]\nasync fn \
            a_flood_harms_nobody() {}\n#[test]\nfn a_flood_ends() {}";
        assert_eq!(lines(source), [2, 5]);
    }

    #[test]
    fn error_texts_and_log_messages_are_checked() {
        let source = "#[error(\"it is damaged\")]\n#[error(\"space not found\")]\n#[error(transparent)]\n\
            tracing::warn!(error = \"it\", \"nobody listens\");\ntracing::info!(task = f(\"we\"), \"task ended\");\n\
            tracing::debug!(\"whatever {x}\");";
        assert_eq!(lines(source), [1, 4, 6]);
    }
}
