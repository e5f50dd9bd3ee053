//! Comments without personification.
//!
//! Code does not hear, want or know, and a role in a comment has a name: the caller, the subscriber, another process.

use super::wording::BadText;

/// Words that no comment contains.
const REJECTED_WORDS: &[&str] = &[
    "anybody",
    "asks",
    "believes",
    "everybody",
    "heard",
    "hears",
    "knows",
    "nobody",
    "somebody",
    "thinks",
    "told",
    "vain",
    "wants",
    "whoever",
];

/// Every comment line in `source` with a word of personification.
#[must_use]
pub fn personifications(source: &str) -> Vec<BadText> {
    let comments = source.lines().enumerate().filter_map(|(index, line)| {
        let text = line.trim_start().strip_prefix("//")?;
        Some(BadText { line: index + 1, text: text.trim_start_matches(['/', '!']).trim().to_owned() })
    });
    comments.filter(|comment| is_rejected(&comment.text)).collect()
}

fn is_rejected(text: &str) -> bool {
    let mut words = text.split(|c: char| !c.is_alphanumeric());
    words.any(|word| REJECTED_WORDS.contains(&word.to_lowercase().as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_with_persons_in_place_of_roles_are_found() {
        let source =
            "/// Tells nobody.\nlet wants = 1;\n    // The peer is told.\n//! Retried in vain.\n/// A peer.";
        let lines: Vec<_> = personifications(source).into_iter().map(|found| found.line).collect();
        assert_eq!(lines, [1, 3, 4]);
    }
}
