//! Passages of a file in which citations are expected: comments of code, paragraphs and table rows of documents.

/// Consecutive lines that are read as one text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Passage {
    /// Line of the file at which the text begins, from 1.
    pub(super) line: usize,
    /// Text without comment markers; one line of it per line of the file.
    pub(super) text: String,
    /// True if rule labels count. In a line of code only section marks do, since identifiers look like labels.
    pub(super) labels: bool,
}

/// Language of a file, as far as passages depend on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Language {
    /// Rust and JavaScript: `//` and lines of `/** … */`.
    Slashes,
    /// SQL: `--`.
    Dashes,
    /// Shell, TOML, YAML, Python: `#`.
    Hashes,
    /// Markdown: every line outside of fenced code.
    Markdown,
}

impl Language {
    /// Language of a file by its name; `None` for files that are not searched.
    pub(super) fn of(name: &str) -> Option<Self> {
        let (_, extension) = name.rsplit_once('.').unwrap_or_default();
        match extension {
            "rs" | "js" => Some(Self::Slashes),
            "sql" => Some(Self::Dashes),
            "md" => Some(Self::Markdown),
            "toml" | "sh" | "yml" | "yaml" | "py" => Some(Self::Hashes),
            "" if ["justfile", "test", "run"].contains(&name) => Some(Self::Hashes),
            _ => None,
        }
    }

    /// Splits a line into code and comment text.
    fn comment(self, line: &str) -> Option<(&str, &str)> {
        let marker = match self {
            Self::Slashes => "//",
            Self::Dashes => "--",
            Self::Hashes => "#",
            Self::Markdown => return Some(("", line)),
        };
        let start = line.trim_start();
        if let Some(comment) = start.strip_prefix(marker) {
            return Some(("", comment.trim_start_matches(['/', '!', '#', '-'])));
        }
        if self == Self::Slashes && (start.starts_with("/*") || start.starts_with("* ")) {
            return Some(("", start.trim_start_matches(['/', '*'])));
        }
        let (code, comment) = line.split_once(&format!(" {marker} "))?;
        Some((code, comment))
    }
}

/// Passages of a file in `language`.
pub(super) fn passages(language: Language, text: &str) -> Vec<Passage> {
    let mut found: Vec<Passage> = Vec::new();
    let mut continues = false;
    let mut fenced = false;
    for (index, line) in text.lines().enumerate() {
        let number = index + 1;
        if language == Language::Markdown {
            fenced ^= line.trim_start().starts_with("```");
            if fenced || line.trim().is_empty() || line.trim_start().starts_with("```") {
                continues = false;
                continue;
            }
        }
        let Some((code, comment)) = language.comment(line) else {
            if line.contains('§') {
                found.push(Passage { line: number, text: line.to_owned(), labels: false });
            }
            continues = false;
            continue;
        };
        let alone = comment.starts_with('|') || comment.starts_with('#') && language == Language::Markdown;
        match found.last_mut() {
            Some(passage) if continues && code.trim().is_empty() && !alone => {
                passage.text.push('\n');
                passage.text.push_str(comment);
            }
            _ => found.push(Passage { line: number, text: comment.to_owned(), labels: true }),
        }
        continues = code.trim().is_empty() && !alone;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(language: Language, text: &str) -> Vec<(usize, String)> {
        passages(language, text).into_iter().map(|passage| (passage.line, passage.text)).collect()
    }

    #[test]
    fn comment_lines_are_joined_and_code_is_left_out() {
        let rust = "//! One.\n//! Two.\nfn f() {} // three\nlet x = 1;\n    /// Four.";
        let expected = [(1, " One.\n Two."), (3, "three"), (5, " Four.")];
        assert_eq!(texts(Language::Slashes, rust), expected.map(|(line, text)| (line, text.to_owned())));
    }

    #[test]
    fn section_marks_count_in_code_too() {
        let found = passages(Language::Slashes, "reason = \"storage §1\"");
        assert_eq!(found.len(), 1);
        assert!(!found[0].labels);
    }

    #[test]
    fn rows_of_tables_stand_alone_and_fences_are_left_out() {
        let page = "a\nb\n\n| c |\n| d |\n```\ne\n```\nf";
        let expected = [(1, "a\nb"), (4, "| c |"), (5, "| d |"), (9, "f")];
        assert_eq!(texts(Language::Markdown, page), expected.map(|(line, text)| (line, text.to_owned())));
    }
}
