//! A module of Rust source: the items it defines, the modules it declares, the paths it names.

use std::collections::BTreeSet;

use super::tokens::{Token, tokens};

/// A module as written in one file.
#[derive(Debug, Default)]
pub(super) struct Module {
    /// The file that holds the module.
    pub(super) file: String,
    /// Names of child modules that have files of their own.
    pub(super) child_files: Vec<String>,
    /// Flattened `use` declarations, those inside functions included.
    pub(super) imports: Vec<Import>,
    /// Paths of more than one segment outside of `use`.
    pub(super) paths: BTreeSet<Vec<String>>,
    definitions: BTreeSet<String>,
    /// Names outside of `use`.
    names: BTreeSet<String>,
}

/// One name that a `use` declaration brings into scope.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Import {
    /// The name in scope; `*` for a glob.
    pub(super) alias: String,
    /// The path as written, `*` at the end for a glob.
    pub(super) segments: Vec<String>,
    /// Whether the declaration has a visibility: `pub use`, `pub(crate) use`.
    pub(super) is_reexport: bool,
}

/// Keywords that are followed by the name of an item.
const DEFINING: [&str; 8] = ["fn", "struct", "enum", "trait", "type", "const", "static", "union"];

impl Module {
    /// Reads a file: the module itself under the path `""`, and modules written inside it (`mod a { … }`) under theirs.
    pub(super) fn parse(file: &str, source: &str) -> Vec<(String, Self)> {
        let mut parser = Parser { file, tokens: &tokens(source), at: 0, done: Vec::new() };
        parser.module(String::new());
        parser.done
    }

    /// Whether the module itself defines an item of this name; false for re-exports and for what macros make.
    pub(super) fn defines(&self, name: &str) -> bool {
        self.definitions.contains(name)
    }

    /// Whether the code of the module names `name` outside of `use` declarations.
    pub(super) fn uses_by_name(&self, name: &str) -> bool {
        self.names.contains(name)
    }
}

struct Parser<'t, 's> {
    file: &'t str,
    tokens: &'t [Token<'s>],
    at: usize,
    done: Vec<(String, Module)>,
}

impl<'s> Parser<'_, 's> {
    fn peek(&self, ahead: usize) -> Option<Token<'s>> {
        self.tokens.get(self.at + ahead).copied()
    }

    fn name(&self, ahead: usize) -> Option<&'s str> {
        match self.peek(ahead)? {
            Token::Name(name) => Some(name),
            Token::PathSeparator | Token::Mark(_) | Token::Text(_) => None,
        }
    }

    fn is_mark(&self, ahead: usize, mark: char) -> bool {
        self.peek(ahead) == Some(Token::Mark(mark))
    }

    /// Reads items until the brace that closes the module, or the end of the file.
    fn module(&mut self, path: String) {
        let mut module = Module { file: self.file.to_owned(), ..Module::default() };
        let mut depth = 0_usize;
        let mut is_public = false;
        while let Some(token) = self.peek(0) {
            let was_public = std::mem::take(&mut is_public);
            match token {
                Token::Mark('{') => depth += 1,
                Token::Mark('}') if depth == 0 => {
                    self.at += 1;
                    break;
                }
                Token::Mark('}') => depth -= 1,
                Token::Mark('#') if self.is_test_attribute() => {
                    self.skip_item();
                    continue;
                }
                Token::Name("pub") => {
                    is_public = true;
                    self.skip_restriction();
                }
                Token::Name("use") => {
                    self.at += 1;
                    self.use_tree(&mut module, &[], was_public);
                    continue;
                }
                Token::Name("mod") if self.name(1).is_some() => {
                    self.child(&mut module, &path);
                    continue;
                }
                Token::Name(name) => {
                    if depth == 0 {
                        self.note_definition(&mut module, name);
                    }
                    self.path(&mut module);
                    continue;
                }
                Token::PathSeparator | Token::Mark(_) | Token::Text(_) => {}
            }
            self.at += 1;
        }
        self.done.push((path, module));
    }

    /// `(crate)`, `(super)` or `(in path)` after `pub`.
    fn skip_restriction(&mut self) {
        if self.is_mark(1, '(') && matches!(self.name(2), Some("crate" | "super" | "self" | "in")) {
            while self.peek(1).is_some() && !self.is_mark(1, ')') {
                self.at += 1;
            }
            self.at += 1;
        }
    }

    fn child(&mut self, module: &mut Module, path: &str) {
        let Some(name) = self.name(1) else { return };
        if self.is_mark(2, ';') {
            module.child_files.push(name.to_owned());
            self.at += 3;
        } else if self.is_mark(2, '{') {
            self.at += 3;
            self.module(if path.is_empty() { name.to_owned() } else { format!("{path}::{name}") });
        } else {
            // `mod $name` of a macro.
            self.at += 2;
        }
    }

    fn note_definition(&self, module: &mut Module, keyword: &str) {
        let name = if DEFINING.contains(&keyword) {
            self.name(1)
        } else if keyword == "macro_rules" && self.is_mark(1, '!') {
            self.name(2)
        } else {
            None
        };
        module.definitions.extend(name.map(str::to_owned));
    }

    /// Reads a path, or a single name.
    fn path(&mut self, module: &mut Module) {
        let is_start = self.at == 0 || self.tokens.get(self.at - 1) != Some(&Token::PathSeparator);
        let mut segments = Vec::new();
        while let Some(name) = self.name(0) {
            segments.push(name.to_owned());
            self.at += 1;
            if self.peek(0) != Some(Token::PathSeparator) || self.name(1).is_none() {
                break;
            }
            self.at += 1;
        }
        module.names.extend(segments.iter().cloned());
        if segments.len() > 1 && is_start {
            module.paths.insert(segments);
        }
    }

    /// Reads one tree of a `use` declaration below `prefix`.
    fn use_tree(&mut self, module: &mut Module, prefix: &[String], is_reexport: bool) {
        let mut segments = prefix.to_vec();
        loop {
            match self.peek(0) {
                Some(Token::Name("as")) => {
                    let alias = self.name(1).unwrap_or("_").to_owned();
                    self.at += 2;
                    self.import(module, alias, segments, is_reexport);
                    return;
                }
                // `{self}`: the module that the prefix names.
                Some(Token::Name("self")) if segments.len() == prefix.len() && !prefix.is_empty() => {
                    self.at += 1;
                }
                Some(Token::Name(name)) => {
                    segments.push(name.to_owned());
                    self.at += 1;
                }
                Some(Token::Mark('*')) => {
                    self.at += 1;
                    segments.push("*".to_owned());
                    self.import(module, "*".to_owned(), segments, is_reexport);
                    return;
                }
                Some(Token::PathSeparator) => self.at += 1,
                Some(Token::Mark('{')) => {
                    self.at += 1;
                    while self.peek(0).is_some() && !self.is_mark(0, '}') {
                        self.use_tree(module, &segments, is_reexport);
                    }
                    self.at += 1;
                    if self.is_mark(0, ',') {
                        self.at += 1;
                    }
                    return;
                }
                _ => {
                    if let Some(alias) = segments.last().cloned() {
                        self.import(module, alias, segments, is_reexport);
                    }
                    if self.is_mark(0, ',') || self.is_mark(0, ';') {
                        self.at += 1;
                    }
                    return;
                }
            }
        }
    }

    fn import(&mut self, module: &mut Module, alias: String, segments: Vec<String>, is_reexport: bool) {
        module.imports.push(Import { alias, segments, is_reexport });
        if self.is_mark(0, ',') {
            self.at += 1;
        }
    }

    /// `#[cfg(test)]` or `#[cfg(all(test, …))]`.
    fn is_test_attribute(&self) -> bool {
        let starts_with = |names: &[&str]| {
            let wanted = names.iter().copied().map(Some);
            let found = (0..).filter_map(|ahead| match self.peek(ahead) {
                Some(Token::Name(name)) => Some(Some(name)),
                Some(Token::Mark('#' | '[' | '(')) => None,
                _ => Some(None),
            });
            wanted.eq(found.take(names.len()))
        };
        self.is_mark(1, '[') && (starts_with(&["cfg", "test"]) || starts_with(&["cfg", "all", "test"]))
    }

    /// Skips an item with its attributes: to the first `;` or the end of the first block.
    fn skip_item(&mut self) {
        let mut depth = 0_usize;
        while let Some(token) = self.peek(0) {
            self.at += 1;
            match token {
                Token::Mark('{') => depth += 1,
                Token::Mark('}') if depth <= 1 => return,
                Token::Mark('}') => depth -= 1,
                Token::Mark(';') if depth == 0 => return,
                Token::Name(_) | Token::PathSeparator | Token::Mark(_) | Token::Text(_) => {}
            }
        }
    }
}
