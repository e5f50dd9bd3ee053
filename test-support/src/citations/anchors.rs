//! Anchors of a page of the specification: its sections, the numbered rows of their tables, and the rules it defines.

use std::collections::{BTreeMap, BTreeSet};

use super::tokens::{Kind, Label, Token, tokens};

/// Everything that a page offers to citations.
#[derive(Debug, Default)]
pub(super) struct Page {
    /// Sections by number.
    pub(super) sections: BTreeMap<String, Section>,
    /// Rules that a table row, list item or paragraph begins with.
    pub(super) rules: BTreeSet<Label>,
}

/// Rows of the tables of a section, by their first cells.
#[derive(Debug, Default)]
pub(super) struct Section {
    /// Rows that begin with a number.
    pub(super) numbers: BTreeSet<u32>,
    /// Rows that begin with anything else, such as the sentence of a scenario.
    pub(super) texts: Vec<Vec<Kind>>,
}

impl Page {
    /// Reads the anchors of a Markdown page.
    pub(super) fn parse(markdown: &str) -> Self {
        let mut page = Self::default();
        let mut section = None;
        let mut fenced = false;
        let mut lines = markdown.lines().peekable();
        while let Some(line) = lines.next() {
            let is_header = lines.peek().is_some_and(|next| next.starts_with("|-"));
            fenced ^= line.starts_with("```");
            if fenced || is_header {
                continue;
            }
            if let Some(heading) = heading(line) {
                page.sections.entry(heading.clone()).or_default();
                section = Some(heading);
            } else if let Some(cell) = first_cell(line) {
                page.read_cell(section.as_ref(), cell);
            } else if let Some(bold) = line.trim_start_matches(['-', ' ']).strip_prefix("**") {
                page.rules.extend(Label::parse(bold.split("**").next().unwrap_or_default()));
            }
        }
        page
    }

    fn read_cell(&mut self, section: Option<&String>, cell: &str) {
        let kinds = undecorated(&tokens(1, cell));
        let rows = section.and_then(|section| self.sections.get_mut(section));
        match (kinds.as_slice(), rows) {
            ([Kind::Number(row)], Some(rows)) => rows.numbers.extend([*row]),
            (_, Some(rows)) => rows.texts.push(kinds.clone()),
            (_, None) => {}
        }
        match kinds.as_slice() {
            [Kind::Label(rule)] => self.rules.extend([rule.clone()]),
            [Kind::Label(first), Kind::Mark('…' | '–'), last] => {
                let numbers = first.digits.parse().ok().zip(number(last)).map(|(first, last)| first..=last);
                self.rules.extend(numbers.into_iter().flatten().map(|number| first.with_number(number)));
            }
            [Kind::Label(first), Kind::Mark('/'), other] => {
                self.rules.insert(first.clone());
                self.rules.extend(number(other).map(|number| first.with_number(number)));
            }
            _ => {}
        }
    }
}

/// Kinds of the tokens without marks of emphasis and code.
pub(super) fn undecorated(tokens: &[Token]) -> Vec<Kind> {
    let kinds = tokens.iter().map(|token| token.kind.clone());
    kinds.filter(|kind| !matches!(kind, Kind::Mark('*' | '`'))).collect()
}

fn number(kind: &Kind) -> Option<u32> {
    match kind {
        Kind::Number(number) => Some(*number),
        Kind::Label(label) => label.digits.parse().ok(),
        Kind::Section(_) | Kind::Word(_) | Kind::Mark(_) => None,
    }
}

/// Number of a heading such as `### 4.3 push` or `## 4. Methods`.
fn heading(line: &str) -> Option<String> {
    let title = line.strip_prefix('#')?.trim_start_matches('#').trim_start();
    let number = title.split(' ').next()?.trim_end_matches('.');
    let is_number = number.starts_with(|c: char| c.is_ascii_digit())
        && number.chars().all(|c| c.is_ascii_digit() || c == '.');
    is_number.then(|| number.to_owned())
}

fn first_cell(line: &str) -> Option<&str> {
    line.strip_prefix('|')?.split('|').next().map(str::trim)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "# Title\n\n## 3. Rules\n\n| Q1 | Rule |\n|---|---|\n| T1 | x |\n| **P1** | x |\n| 4 | x |\n| a `scenario`: 401 | |\n\n\
        ### 3.1 More\n\n- **ID-1** [N] must.\n**TR-1** When?\n\n| T-001…003 | x |\n| T-408/409 | x |\n| 5, 6 | x |\n\n\
        ```text\n## 9. No heading\n| Z1 | x |\n```\n";

    #[test]
    fn sections_are_headings_with_numbers() {
        let page = Page::parse(PAGE);
        let sections: Vec<_> = page.sections.keys().map(String::as_str).collect();
        assert_eq!(sections, ["3", "3.1"]);
        assert_eq!(page.sections["3"].numbers, BTreeSet::from([4]));
        assert!(page.sections["3"].texts.contains(&undecorated(&tokens(1, "a scenario: 401"))));
    }

    #[test]
    fn rules_are_cells_and_bold_labels() {
        let page = Page::parse(PAGE);
        let rules: Vec<_> = page.rules.iter().map(ToString::to_string).collect();
        assert_eq!(rules, ["ID-1", "P1", "T1", "T-001", "T-002", "T-003", "T-408", "T-409", "TR-1"]);
    }
}
