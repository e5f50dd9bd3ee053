//! Import circles between the files of a crate.
//!
//! An edge leads from a file to the file that *defines* an item it names, by `use` or by path. A re-export is looked
//! through: whoever names `crate::Item` depends on the file of `Item`, not on the front page that re-exports it, and
//! the front page depends on nothing by re-exporting. Declaring a child with `mod` is no edge either; a parent and a
//! child form a circle if the parent uses what the child defines and the child uses what the parent defines. Test code
//! (`#[cfg(test)]`) is not looked at.

use std::collections::{BTreeMap, BTreeSet};

use super::module::{Import, Module};

/// A crate's modules, by path: `""` is the root, `broker::watcher` a module in a module.
#[derive(Debug, Default)]
pub struct SourceTree {
    modules: BTreeMap<String, Module>,
}

/// Files of one crate, each of which imports all others directly or through others of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Circle {
    /// Files in alphabetical order.
    pub files: Vec<String>,
    /// Every import between two of the files: `a.rs -> b.rs: Name, Other`.
    pub imports: Vec<String>,
}

/// Imported names, by importing and imported file.
type Edges = BTreeMap<(String, String), BTreeSet<String>>;

impl SourceTree {
    /// Reads a crate from its root file, `src/lib.rs` or `src/main.rs`. `read` returns the source of a file, or `None`
    /// if the file does not exist.
    #[must_use]
    pub fn read(root: &str, read: &dyn Fn(&str) -> Option<String>) -> Self {
        let mut tree = Self::default();
        let folder = root.rsplit_once('/').map_or("", |(folder, _)| folder);
        if let Some(source) = read(root) {
            tree.add("", root, folder, &source, read);
        }
        tree
    }

    /// Adds the module at `path`, which is `file`, and its children, whose files are in `folder`.
    fn add(
        &mut self,
        path: &str,
        file: &str,
        folder: &str,
        source: &str,
        read: &dyn Fn(&str) -> Option<String>,
    ) {
        for (inner, module) in Module::parse(file, source) {
            let path = join(path, &inner);
            let inner_folder = inner.split("::").filter(|part| !part.is_empty());
            let folder = inner_folder.fold(folder.to_owned(), |folder, part| format!("{folder}/{part}"));
            for child in &module.child_files {
                let flat = format!("{folder}/{child}.rs");
                let nested = format!("{folder}/{child}/mod.rs");
                for file in [flat, nested] {
                    if let Some(source) = read(&file) {
                        self.add(&join(&path, child), &file, &format!("{folder}/{child}"), &source, read);
                    }
                }
            }
            self.modules.insert(path, module);
        }
    }

    /// All circles, the largest first.
    #[must_use]
    pub fn circles(&self) -> Vec<Circle> {
        let edges = self.edges();
        let mut circles: Vec<_> = components(&edges)
            .into_iter()
            .map(|files| Circle { imports: described(&edges, &files), files })
            .collect();
        circles.sort_by(|a, b| b.files.len().cmp(&a.files.len()).then_with(|| a.files.cmp(&b.files)));
        circles
    }

    fn edges(&self) -> Edges {
        let mut edges = Edges::new();
        for (path, module) in &self.modules {
            for Import { alias, segments, is_reexport } in &module.imports {
                // A re-export that the file itself uses is an import like any other.
                if *is_reexport && !module.uses_by_name(alias) {
                    continue;
                }
                self.add_edge(&mut edges, path, module, segments);
            }
            for segments in &module.paths {
                self.add_edge(&mut edges, path, module, segments);
            }
        }
        edges
    }

    fn add_edge(&self, edges: &mut Edges, path: &str, module: &Module, segments: &[String]) {
        let Some((definer, name)) = self.resolve(path, segments, 0) else { return };
        if definer.file != module.file {
            let names = edges.entry((module.file.clone(), definer.file.clone())).or_default();
            names.insert(name);
        }
    }

    /// The module that defines what `segments` name in the module `from`, and the item's name. `None`: the path leads
    /// to another crate, or to a module as such.
    fn resolve(&self, from: &str, segments: &[String], depth: usize) -> Option<(&Module, String)> {
        // A chain of re-exports that never ends does not compile.
        if depth > 16 {
            return None;
        }
        let (first, rest) = segments.split_first()?;
        let module = self.modules.get(from)?;
        match first.as_str() {
            "crate" => self.resolve_in("", rest, depth),
            "self" => self.resolve_in(from, rest, depth),
            "super" => self.resolve_in_or_above(from, rest, depth),
            name if self.modules.contains_key(&join(from, name)) => {
                self.resolve_in(&join(from, name), rest, depth)
            }
            name => {
                // A module that was imported: `use super::codec;` and then `codec::encode`.
                let imported =
                    module.imports.iter().find(|import| import.alias == name && !rest.is_empty())?;
                let full: Vec<_> = imported.segments.iter().chain(rest).cloned().collect();
                (full.first() != Some(first)).then(|| self.resolve(from, &full, depth + 1)).flatten()
            }
        }
    }

    /// `super`: the segments after it start in the parent of `from`, which may be another `super`.
    fn resolve_in_or_above(&self, from: &str, rest: &[String], depth: usize) -> Option<(&Module, String)> {
        let parent = from.rsplit_once("::").map_or("", |(parent, _)| parent);
        match rest.split_first() {
            Some((next, rest)) if next == "super" => self.resolve_in_or_above(parent, rest, depth),
            _ => self.resolve_in(parent, rest, depth),
        }
    }

    /// Follows `segments` inside the module at `path`: down into modules, then to the item, through re-exports.
    fn resolve_in(&self, path: &str, segments: &[String], depth: usize) -> Option<(&Module, String)> {
        let module = self.modules.get(path)?;
        let (name, rest) = segments.split_first()?;
        let child = join(path, name);
        if self.modules.contains_key(&child) {
            return self.resolve_in(&child, rest, depth);
        }
        if module.defines(name) || name == "*" {
            return Some((module, name.clone()));
        }
        let named = module.imports.iter().find(|import| import.alias == *name);
        if let Some(import) = named {
            let full: Vec<_> = import.segments.iter().chain(rest).cloned().collect();
            return self.resolve(path, &full, depth + 1);
        }
        let behind_globs = module.imports.iter().filter(|import| import.alias == "*").find_map(|glob| {
            let (_star, prefix) = glob.segments.split_last()?;
            let full: Vec<_> = prefix.iter().cloned().chain([name.clone()]).collect();
            self.resolve(path, &full, depth + 1).filter(|(module, name)| module.defines(name))
        });
        // Made by a macro, as far as one can see.
        Some(behind_globs.unwrap_or((module, name.clone())))
    }
}

fn join(path: &str, name: &str) -> String {
    match (path, name) {
        ("", name) => name.to_owned(),
        (path, "") => path.to_owned(),
        (path, name) => format!("{path}::{name}"),
    }
}

/// Strongly connected components of more than one file.
fn components(edges: &Edges) -> Vec<Vec<String>> {
    let files: BTreeSet<&String> = edges.keys().flat_map(|(from, to)| [from, to]).collect();
    let reachable: BTreeMap<&String, BTreeSet<&String>> =
        files.iter().map(|file| (*file, reachable_from(file, edges))).collect();
    let together = |a: &String, b: &String| {
        reachable.get(a).is_some_and(|set| set.contains(b))
            && reachable.get(b).is_some_and(|set| set.contains(a))
    };
    let mut left = files.clone();
    let mut found = Vec::new();
    for file in files {
        let circle: Vec<String> =
            left.iter().filter(|other| together(file, other)).map(|f| (*f).clone()).collect();
        left.retain(|other| !circle.contains(other));
        if !circle.is_empty() {
            found.push(circle);
        }
    }
    found
}

/// Files that `start` imports, directly or not; `start` itself only if an import leads back.
fn reachable_from<'e>(start: &String, edges: &'e Edges) -> BTreeSet<&'e String> {
    let mut reached = BTreeSet::new();
    let mut pending = vec![start];
    while let Some(file) = pending.pop() {
        for (_, to) in edges.keys().filter(|(from, _)| from == file) {
            if reached.insert(to) {
                pending.push(to);
            }
        }
    }
    reached
}

fn described(edges: &Edges, files: &[String]) -> Vec<String> {
    let inside = edges.iter().filter(|((from, to), _)| files.contains(from) && files.contains(to));
    inside
        .map(|((from, to), names)| {
            let names: Vec<_> = names.iter().map(String::as_str).collect();
            format!("{from} -> {to}: {}", names.join(", "))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Circles of a crate with these files, each by its files.
    fn circles(files: &[(&str, &str)]) -> Vec<Vec<String>> {
        let read = |wanted: &str| {
            let file = files.iter().find(|(name, _)| *name == wanted)?;
            Some(file.1.to_owned())
        };
        SourceTree::read("src/lib.rs", &read).circles().into_iter().map(|circle| circle.files).collect()
    }

    const NONE: [[&str; 0]; 0] = [];

    #[test]
    fn two_files_that_use_each_other_are_a_circle() {
        let files = [
            ("src/lib.rs", "mod a; mod b;"),
            ("src/a.rs", "use crate::b::B; pub struct A;"),
            ("src/b.rs", "pub struct B; fn f() { crate::a::A }"),
        ];
        assert_eq!(circles(&files), [["src/a.rs", "src/b.rs"]]);
        let tree = SourceTree::read("src/lib.rs", &|wanted| {
            files.iter().find(|(name, _)| *name == wanted).map(|(_, text)| (*text).to_owned())
        });
        let found = tree.circles();
        assert_eq!(found.first().unwrap().imports, ["src/a.rs -> src/b.rs: B", "src/b.rs -> src/a.rs: A"]);
    }

    #[test]
    fn imports_in_one_direction_are_none() {
        let files = [
            ("src/lib.rs", "mod a; mod b;"),
            ("src/a.rs", "use crate::b::B;"),
            ("src/b.rs", "pub struct B;"),
        ];
        assert_eq!(circles(&files), NONE);
    }

    #[test]
    fn circle_of_three_is_found_through_a_front_page() {
        let files = [
            (
                "src/lib.rs",
                "mod a; mod b; mod c; pub use a::A; pub(crate) use b::{B as Second}; pub use c::*;",
            ),
            ("src/a.rs", "use crate::Second; pub struct A;"),
            ("src/b.rs", "use crate::{C}; pub struct B;"),
            ("src/c.rs", "use crate::A; pub struct C;"),
        ];
        assert_eq!(circles(&files), [["src/a.rs", "src/b.rs", "src/c.rs"]]);
    }

    #[test]
    fn declaring_and_re_exporting_a_child_is_no_import() {
        let files = [
            ("src/lib.rs", "mod a; pub struct Shared; pub use a::A;"),
            ("src/a.rs", "use super::Shared; pub struct A;"),
        ];
        assert_eq!(circles(&files), NONE);
    }

    #[test]
    fn parent_and_child_that_use_each_other_are_a_circle() {
        let child = ("src/a.rs", "use super::Shared; pub struct A;");
        let parent = "mod a; pub struct Shared;";
        for using in
            ["use a::A;", "pub use a::A; fn f(a: A) {}", "fn f(a: a::A) {}", "use crate::a; fn f() { a::A }"]
        {
            let root = format!("{parent} {using}");
            assert_eq!(circles(&[("src/lib.rs", &root), child]), [["src/a.rs", "src/lib.rs"]], "{using}");
        }
    }

    #[test]
    fn siblings_that_meet_in_their_parents_front_page_are_no_circle_with_it() {
        let files = [
            ("src/lib.rs", "mod a;"),
            ("src/a.rs", "mod one; mod two; pub(crate) use one::One; fn f() { two::two() }"),
            ("src/a/one.rs", "pub struct One;"),
            ("src/a/two.rs", "use super::One; pub fn two() {}"),
        ];
        assert_eq!(circles(&files), NONE);
    }

    #[test]
    fn nested_groups_and_inline_modules_are_followed() {
        let files = [
            ("src/lib.rs", "mod a; mod b;"),
            ("src/a.rs", "use crate::{b::{inner::{Deep}, Flat}, a::X}; pub struct X;"),
            ("src/b.rs", "pub struct Flat; pub mod inner { use super::super::a::X; pub struct Deep; }"),
        ];
        assert_eq!(circles(&files), [["src/a.rs", "src/b.rs"]]);
    }

    #[test]
    fn tests_may_import_what_they_like() {
        let files = [
            ("src/lib.rs", "mod a; mod b;"),
            ("src/a.rs", "pub struct A; #[cfg(test)] mod tests { use crate::b::B; } #[cfg(test)] mod more;"),
            ("src/a/more.rs", "use crate::b::B;"),
            ("src/b.rs", "use crate::a::A; pub struct B;"),
        ];
        assert_eq!(circles(&files), NONE);
    }

    #[test]
    fn comments_strings_and_other_crates_are_no_imports() {
        let files = [
            ("src/lib.rs", "mod a; mod b;"),
            (
                "src/a.rs",
                "// crate::b::B\n/// [`crate::b::B`]\npub const A: &str = \"crate::b::B\"; use bytes::b::B;",
            ),
            ("src/b.rs", "use crate::a::A; pub struct B;"),
        ];
        assert_eq!(circles(&files), NONE);
    }
}
