//! Tokens of Rust source, as far as import paths and text rules need them.
//!
//! A lexer of about a hundred lines instead of `syn`: names, path separators, punctuation and the content of string
//! literals. Comments, character literals, lifetimes and numbers are dropped.

/// A token with its text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Token<'s> {
    /// An identifier or keyword, without `r#`.
    Name(&'s str),
    /// `::`
    PathSeparator,
    /// Any other character that is not white space.
    Mark(char),
    /// A string literal of any kind: its content as written, escapes included.
    Text(&'s str),
}

/// Splits `source` into tokens. Source that does not compile gives tokens that mean nothing, never a panic.
pub(super) fn tokens(source: &str) -> Vec<Token<'_>> {
    let mut rest = source;
    let mut found = Vec::new();
    while let Some(first) = rest.chars().next() {
        let (token, after) = next(rest, first);
        found.extend(token);
        rest = after;
    }
    found
}

fn next(rest: &str, first: char) -> (Option<Token<'_>>, &str) {
    if let Some(comment) = rest.strip_prefix("//") {
        return (None, comment.split_once('\n').map_or("", |(_, after)| after));
    }
    if rest.starts_with("/*") {
        return (None, after_block_comment(rest));
    }
    if let Some(after) = rest.strip_prefix("::") {
        return (Some(Token::PathSeparator), after);
    }
    if let Some((text, after)) = string(rest) {
        return (Some(Token::Text(text)), after);
    }
    if first == '\'' {
        return (None, after_quote(rest));
    }
    if is_name_start(first) {
        let rest = rest.strip_prefix("r#").unwrap_or(rest);
        let (name, after) = rest.split_at(rest.find(|c| !is_name_part(c)).unwrap_or(rest.len()));
        return (Some(Token::Name(name)), after);
    }
    if first.is_ascii_digit() {
        return (None, rest.trim_start_matches(|c: char| is_name_part(c)));
    }
    let after = rest.get(first.len_utf8()..).unwrap_or_default();
    ((!first.is_whitespace()).then_some(Token::Mark(first)), after)
}

fn is_name_start(c: char) -> bool {
    c == '_' || c.is_alphabetic()
}

fn is_name_part(c: char) -> bool {
    c == '_' || c.is_alphanumeric()
}

/// Block comments nest.
fn after_block_comment(text: &str) -> &str {
    let (mut rest, mut depth) = (text, 0);
    while !rest.is_empty() {
        if let Some(after) = rest.strip_prefix("/*") {
            (rest, depth) = (after, depth + 1);
        } else if let Some(after) = rest.strip_prefix("*/") {
            (rest, depth) = (after, depth - 1);
            if depth == 0 {
                break;
            }
        } else {
            rest = after_first(rest);
        }
    }
    rest
}

/// The content of a string literal at the start of `text`, and the text after it.
fn string(text: &str) -> Option<(&str, &str)> {
    let unprefixed = text.strip_prefix(['b', 'c']).unwrap_or(text);
    if let Some(raw) = unprefixed.strip_prefix('r') {
        let hashes = raw.len() - raw.trim_start_matches('#').len();
        let content = raw.get(hashes..)?.strip_prefix('"')?;
        let end = format!("\"{}", "#".repeat(hashes));
        return content.split_once(end.as_str());
    }
    let content = unprefixed.strip_prefix('"')?;
    let mut escaped = false;
    let end = content.find(|c| {
        let ends = c == '"' && !escaped;
        escaped = c == '\\' && !escaped;
        ends
    })?;
    Some((content.get(..end)?, content.get(end + 1..)?))
}

/// Skips a character literal, or the apostrophe of a lifetime.
fn after_quote(text: &str) -> &str {
    let content = after_first(text);
    let end = if content.starts_with('\\') {
        // The escaped character itself may be an apostrophe.
        content.get(2..).and_then(|rest| rest.find('\'')).map(|end| end + 2)
    } else {
        let after = after_first(content);
        after.starts_with('\'').then(|| content.len() - after.len())
    };
    end.and_then(|end| content.get(end + 1..)).unwrap_or(content)
}

fn after_first(text: &str) -> &str {
    let mut chars = text.chars();
    chars.next();
    chars.as_str()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(source: &str) -> Vec<&str> {
        let name = |token: &Token<'static>| match *token {
            Token::Name(name) => Some(name),
            Token::PathSeparator | Token::Mark(_) | Token::Text(_) => None,
        };
        // Leaked: a few bytes of a test.
        let source: &'static str = String::from(source).leak();
        tokens(source).iter().filter_map(name).collect()
    }

    #[test]
    fn comments_and_literals_hold_no_names() {
        let source =
            "a /* b /* c */ d */ e // f\n\"g\" b\"h \\\" i\" r#\"j \" k\"# 'l' '\\'' m 0xff 1u8 'n: o";
        assert_eq!(names(source), ["a", "e", "m", "n", "o"]);
    }

    #[test]
    fn raw_names_lose_their_prefix() {
        assert_eq!(names("r#type r b rb"), ["type", "r", "b", "rb"]);
    }

    #[test]
    fn text_is_kept_as_written() {
        assert_eq!(tokens("x!(r#\"a\"b\"#)").get(3), Some(&Token::Text("a\"b")));
        assert_eq!(tokens("\"a \\\"b\\\"\""), [Token::Text("a \\\"b\\\"")]);
    }

    #[test]
    fn broken_source_ends() {
        for source in ["\"abc", "'", "/* /*", "r#\"", "r#", "'\\"] {
            let _nothing_sensible = tokens(source);
        }
    }
}
