//! Citations of the specification in code, tests, SQL, scripts and documents, resolved against the pages of `docs/spec`.
//!
//! A citation is a page and a section (`protocol §4.3`, with a row: `http §7.2 row 16`, `http §13 "delegated UCAN"`), a
//! rule (`S-24`, `storage T12`) or a decision (`decision 0014`). Sections and rules are read from the pages: headings, first cells of tables, bold
//! labels. Letters that are defined on several pages need the page in front, except on the page itself.

mod anchors;
mod passages;
mod tokens;

use std::collections::{BTreeMap, BTreeSet};

use anchors::{Page, undecorated};
use passages::{Language, passages};
use tokens::{Kind, Label, Token, tokens};

/// Names with the shape of a rule label that are no citations.
const NOT_CITATIONS: [&str; 2] = ["P-256", "P-384"];

/// Words that continue a list of citations.
const LIST_WORDS: [&str; 3] = ["and", "or", "to"];

/// Words before the number of a table row.
const ROW_WORDS: [&str; 8] = ["row", "rows", "step", "steps", "check", "checks", "rule", "rules"];

/// The pages of the specification and the numbers of the decisions.
#[derive(Debug, Default)]
pub struct Specification {
    pages: BTreeMap<String, Page>,
    decisions: BTreeSet<String>,
}

/// Page that a section mark without a name refers to.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Context {
    /// The page itself inside of the specification; no page elsewhere.
    Own,
    /// A page of the specification.
    Page(String),
    /// A document outside of the repository, such as an RFC.
    External,
}

impl Specification {
    /// Adds a page under its name without extension.
    pub fn add_page(&mut self, name: &str, markdown: &str) {
        self.pages.insert(name.to_owned(), Page::parse(markdown));
    }

    /// Adds a decision by its file name, `NNNN-….md`.
    pub fn add_decision(&mut self, file_name: &str) {
        self.decisions.extend(file_name.split('-').next().map(str::to_owned));
    }

    /// Citations in a file that lead nowhere, one line each. `path` is relative to the repository.
    #[must_use]
    pub fn faults(&self, path: &str, text: &str) -> Vec<String> {
        let name = path.rsplit('/').next().unwrap_or(path);
        let Some(language) = Language::of(name) else { return Vec::new() };
        let own = path.strip_prefix("docs/spec/").and_then(|page| page.strip_suffix(".md"));
        let own = own.filter(|page| self.pages.contains_key(*page));
        let mut faults = Vec::new();
        for passage in passages(language, text) {
            let reader = Reader { specification: self, own, labels: passage.labels };
            let found = reader.read(&tokens(passage.line, &passage.text));
            faults.extend(found.into_iter().map(|(line, fault)| format!("{path}:{line}: {fault}")));
        }
        faults
    }

    fn owners(&self, label: &Label) -> Vec<&str> {
        let owners = self.pages.iter().filter(|(_, page)| page.rules.contains(label));
        owners.map(|(name, _)| name.as_str()).collect()
    }

    /// True if a page defines rules of this family; other labels are no citations.
    fn knows_family(&self, label: &Label) -> bool {
        let mut rules = self.pages.values().flat_map(|page| &page.rules);
        rules.any(|rule| rule.family == label.family)
    }
}

/// Resolves the citations of one passage.
struct Reader<'a> {
    specification: &'a Specification,
    /// Page of the passage, if it is one of the specification.
    own: Option<&'a str>,
    /// True if labels are citations here.
    labels: bool,
}

impl Reader<'_> {
    fn read(&self, tokens: &[Token]) -> Vec<(usize, String)> {
        let mut faults = Vec::new();
        let mut context = Context::Own;
        // Section whose rows the next numbers name.
        let mut section: Option<String> = None;
        let mut in_rows = false;
        // Inside of the quoted first cell of a row.
        let mut quoted = false;
        for (index, Token { line, kind }) in tokens.iter().enumerate() {
            let named =
                index.checked_sub(1).and_then(|before| tokens.get(before)).and_then(|token| self.page(token));
            let fault = match kind {
                Kind::Section(_) | Kind::Label(_) | Kind::Number(_) | Kind::Word(_) if quoted => None,
                Kind::Mark(mark) if quoted && *mark != '"' => None,
                Kind::Section(number) => {
                    in_rows = false;
                    if let Some(page) = named {
                        context = page;
                    }
                    section = Some(number.clone());
                    self.section_fault(&context, number)
                }
                Kind::Label(label) if self.labels => {
                    in_rows = false;
                    let fault = self.label_fault(named.as_ref(), &context, label);
                    context = named.unwrap_or(context);
                    fault
                }
                Kind::Number(row) if in_rows => self.row_fault(&context, section.as_deref(), *row),
                Kind::Word(word) if word == "rfc" => {
                    context = Context::External;
                    None
                }
                Kind::Word(word) if ROW_WORDS.contains(&word.as_str()) => {
                    in_rows = true;
                    None
                }
                Kind::Word(word) if word.starts_with("decision") => self.decision_fault(tokens, index),
                Kind::Word(word) if LIST_WORDS.contains(&word.as_str()) => None,
                Kind::Mark(',') => {
                    in_rows = false;
                    None
                }
                Kind::Mark('"') if section.is_some() => {
                    let rest = tokens.get(index + 1..).unwrap_or_default();
                    quoted = !quoted && rest.iter().any(|token| token.kind == Kind::Mark('"'));
                    if quoted { self.quote_fault(&context, section.as_deref(), rest) } else { None }
                }
                Kind::Mark('·' | '/' | '–' | '…' | '`' | '*' | '-') => None,
                Kind::Number(_) if context == Context::External || section.is_some() => None,
                Kind::Word(_) | Kind::Mark(_) | Kind::Number(_) | Kind::Label(_) => {
                    (context, section, in_rows) = (Context::Own, None, false);
                    None
                }
            };
            faults.extend(fault.map(|fault| (*line, fault)));
        }
        faults
    }

    /// Page that a token names.
    fn page(&self, token: &Token) -> Option<Context> {
        match &token.kind {
            Kind::Word(word) if self.specification.pages.contains_key(word) => {
                Some(Context::Page(word.clone()))
            }
            Kind::Section(_) | Kind::Label(_) | Kind::Number(_) | Kind::Word(_) | Kind::Mark(_) => None,
        }
    }

    fn resolve<'c>(&'c self, context: &'c Context) -> Option<&'c str> {
        match context {
            Context::Own => self.own,
            Context::Page(page) => Some(page),
            Context::External => None,
        }
    }

    fn section_fault(&self, context: &Context, number: &str) -> Option<String> {
        if *context == Context::External {
            return None;
        }
        let Some(name) = self.resolve(context) else { return Some(format!("§{number} names no page")) };
        let page = self.specification.pages.get(name)?;
        (!page.sections.contains_key(number)).then(|| format!("{name} has no §{number}"))
    }

    /// A number is checked only where the section has numbered rows.
    fn row_fault(&self, context: &Context, section: Option<&str>, row: u32) -> Option<String> {
        let name = self.resolve(context)?;
        let rows = &self.specification.pages.get(name)?.sections.get(section?)?.numbers;
        let is_missing = !rows.is_empty() && !rows.contains(&row);
        is_missing.then(|| format!("{name} §{} has no row {row}", section.unwrap_or_default()))
    }

    /// A quotation after a section is the first cell of one of its rows.
    fn quote_fault(&self, context: &Context, section: Option<&str>, after: &[Token]) -> Option<String> {
        let (name, section) = (self.resolve(context)?, section?);
        let end = after.iter().position(|token| token.kind == Kind::Mark('"'))?;
        let quoted = undecorated(after.get(..end)?);
        let rows = &self.specification.pages.get(name)?.sections.get(section)?.texts;
        (!rows.contains(&quoted)).then(|| format!("{name} §{section} has no such row"))
    }

    fn label_fault(&self, named: Option<&Context>, context: &Context, label: &Label) -> Option<String> {
        let text = label.to_string();
        if NOT_CITATIONS.contains(&text.as_str()) || !self.specification.knows_family(label) {
            return None;
        }
        let owners = self.specification.owners(label);
        if let Some(name) = named.and_then(|page| self.resolve(page)) {
            return (!owners.contains(&name)).then(|| format!("{name} has no rule {text}"));
        }
        let is_here =
            [self.resolve(context), self.own].into_iter().flatten().any(|name| owners.contains(&name));
        match owners.as_slice() {
            [] => Some(format!("no page has a rule {text}")),
            [_] => None,
            _ if is_here => None,
            _ => Some(format!("{text} is ambiguous: name one of {}", owners.join(", "))),
        }
    }

    /// `decision 0014`, `decisions/0014`; a number of another length is no decision.
    fn decision_fault(&self, tokens: &[Token], index: usize) -> Option<String> {
        let mut after = tokens.get(index + 1..)?.iter().map(|token| &token.kind);
        let number = match after.next()? {
            Kind::Number(number) => *number,
            Kind::Mark('/') => match after.next()? {
                Kind::Number(number) => *number,
                Kind::Word(word) => word.split('-').next()?.parse().ok()?,
                Kind::Section(_) | Kind::Label(_) | Kind::Mark(_) => return None,
            },
            Kind::Section(_) | Kind::Label(_) | Kind::Word(_) | Kind::Mark(_) => return None,
        };
        let number = format!("{number:04}");
        (!self.specification.decisions.contains(&number)).then(|| format!("there is no decision {number}"))
    }
}

#[cfg(test)]
mod tests;
