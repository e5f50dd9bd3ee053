//! Pages of the repository: links, the summary of the book, and the steps of its clients.

#![expect(clippy::unwrap_used, reason = "test code may panic")]

use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::{Component, Path, PathBuf};

/// Folders without pages of ours.
const SKIPPED: [&str; 5] = ["node_modules", "target", ".git", ".venv", "corpus"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// Pages below `folder`, by their path from the root.
fn pages(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(root().join(folder)).unwrap().map(Result::unwrap) {
        let (path, name) = (folder.join(entry.file_name()), entry.file_name().into_string().unwrap());
        if entry.file_type().unwrap().is_dir() {
            if !SKIPPED.contains(&name.as_str()) {
                found.extend(pages(&path));
            }
        } else if path.extension().is_some_and(|kind| kind == "md") {
            found.push(path);
        }
    }
    found.sort();
    found
}

fn read(path: &Path) -> String {
    fs::read_to_string(root().join(path)).unwrap()
}

/// Lines outside of blocks of code, with their numbers, without spans of code.
fn prose(text: &str) -> Vec<(usize, String)> {
    let mut in_block = false;
    let mut lines = Vec::new();
    for (at, line) in text.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            in_block = !in_block;
        } else if !in_block {
            lines.push((at + 1, line.to_owned()));
        }
    }
    lines
}

/// Links of a line: the targets in `[…](target)`. The text of a link may have spans of code, its target has none.
fn links(line: &str) -> Vec<&str> {
    let targets = line.match_indices("](").map(|(at, _)| &line[at + 2..]);
    targets.filter_map(|rest| rest.split_once(')').map(|(target, _)| target)).collect()
}

/// Anchors of the headings of a page, as GitHub and mdBook make them.
fn anchors(text: &str) -> HashSet<String> {
    let mut count: HashMap<String, usize> = HashMap::new();
    let headings = prose(text).into_iter().filter(|(_, line)| line.starts_with('#'));
    let anchor = |(_, line): (usize, String)| {
        let title = line.trim_start_matches('#').trim().to_lowercase();
        let kept = title.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
        let anchor: String = kept.map(|c| if c == ' ' { '-' } else { c }).collect();
        let before = count.entry(anchor.clone()).or_default();
        *before += 1;
        if *before == 1 { anchor } else { format!("{anchor}-{}", *before - 1) }
    };
    headings.map(anchor).collect()
}

/// Path without `.` and `..`; `None` if it leaves the repository.
fn normal(path: &Path) -> Option<PathBuf> {
    let mut normal = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => normal.pop().then_some(())?,
            Component::CurDir => {}
            Component::Normal(_) | Component::RootDir | Component::Prefix(_) => normal.push(part),
        }
    }
    Some(normal)
}

#[test]
fn every_link_leads_to_a_file_and_a_heading() {
    let mut bad = Vec::new();
    let mut found = 0;
    for page in pages(Path::new("")) {
        let text = read(&page);
        for (at, line) in prose(&text) {
            for link in
                links(&line).into_iter().filter(|link| !link.contains("://") && !link.starts_with("mailto:"))
            {
                found += 1;
                let (path, anchor) =
                    link.split_once('#').map_or((link, None), |(path, anchor)| (path, Some(anchor)));
                let target = if path.is_empty() {
                    Some(page.clone())
                } else {
                    normal(&page.with_file_name("").join(path))
                };
                let target = target.filter(|target| root().join(target).exists());
                let leads = target.is_some_and(|target| {
                    anchor.is_none_or(|anchor| {
                        root().join(&target).is_file() && anchors(&read(&target)).contains(anchor)
                    })
                });
                if !leads {
                    bad.push(format!("{}:{at}: {link}", page.display()));
                }
            }
        }
    }
    assert!(bad.is_empty(), "links without a file or a heading: {bad:#?}");
    assert!(found > 200, "{found} links");
}

/// Decisions are added by the build of the book (`book/prepare.py`).
#[test]
fn every_page_of_the_book_is_in_its_summary_once() {
    let summary = read(Path::new("docs/SUMMARY.md"));
    let listed: Vec<&str> = summary.lines().flat_map(links).collect();
    let unique: HashSet<&str> = listed.iter().copied().collect();
    assert_eq!(unique.len(), listed.len(), "a page is listed twice");
    let is_decision = |page: &str| page.starts_with("decisions/");
    let pages = pages(Path::new("docs"));
    let pages = pages.iter().map(|page| page.strip_prefix("docs").unwrap().to_str().unwrap());
    let missing: Vec<&str> =
        pages.filter(|page| *page != "SUMMARY.md" && !is_decision(page) && !unique.contains(page)).collect();
    assert!(missing.is_empty(), "pages without a line in docs/SUMMARY.md: {missing:?}");
}

#[test]
fn every_decision_has_a_number_of_its_own() {
    let decisions = pages(Path::new("docs/decisions"));
    let names = decisions.iter().map(|page| page.file_name().unwrap().to_str().unwrap());
    let mut numbers = HashMap::new();
    for name in names {
        let number = name.split('-').next().unwrap();
        let before = numbers.insert(number.to_owned(), name.to_owned());
        assert!(before.is_none(), "{name} has the number of {before:?}");
        let title = read(&Path::new("docs/decisions").join(name));
        assert!(title.starts_with(&format!("# {number}")), "the title of {name} has another number");
    }
}

/// Blocks of code of a page in this language.
fn blocks(page: &str, language: &str) -> Vec<String> {
    let text = read(Path::new(page));
    let fence = format!("\n```{language}\n");
    let blocks = text.split(fence.as_str()).skip(1);
    blocks.map(|rest| rest.split("\n```").next().unwrap().to_owned()).collect()
}

/// Steps that are the file from top to bottom, except for what is before the first one.
fn assert_steps_are_the_file(page: &str, language: &str, file: &str) {
    let source = read(Path::new(file));
    let mut rest = source.as_str();
    for (at, step) in blocks(page, language).iter().enumerate() {
        let (before, after) = rest.split_once(step.as_str()).unwrap_or_else(|| {
            unreachable!("{page}: step {} is not in {file}, or not in this order", at + 1)
        });
        assert!(at == 0 || before.trim().is_empty(), "{page} leaves out, before step {}: {before}", at + 1);
        rest = after;
    }
    assert_eq!(rest.trim(), "", "{page} leaves out the end of {file}");
}

#[test]
fn steps_of_the_clients_are_the_clients_that_the_tests_run() {
    assert_steps_are_the_file("docs/client-python.md", "python", "examples/python-client/client.py");
    assert_steps_are_the_file("docs/client-javascript.md", "js", "examples/node-client/client.js");
    assert_steps_are_the_file("clients/js/README.md", "js", "clients/js/example.js");
    assert_steps_are_the_file("clients/python/README.md", "python", "clients/python/examples/first.py");
}

#[test]
fn anchors_are_those_of_the_headings() {
    let text =
        "# A *b*\n## `less-sync-server issuer`\n```\n# code\n```\n### 7.2 Service\n## A b\n## Ä, and so on";
    let mut found: Vec<_> = anchors(text).into_iter().collect();
    found.sort();
    assert_eq!(found, ["72-service", "a-b", "a-b-1", "less-sync-server-issuer", "ä-and-so-on"]);
    assert_eq!(links("see [`a`](b.md#c), [d](../e) and (f)"), ["b.md#c", "../e"]);
    assert_eq!(normal(Path::new("docs/../a/./b")), Some("a/b".into()));
    assert_eq!(normal(Path::new("docs/../../a")), None);
}
