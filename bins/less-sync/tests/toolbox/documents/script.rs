//! Marked blocks of a document.

/// Block with the comment before it.
#[derive(Debug)]
pub(crate) struct Block {
    pub(crate) mark: Mark,
    pub(crate) text: String,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Mark {
    Run,
    Fails,
    Background(String),
    Prints(Option<String>),
    NotRun,
}

impl Block {
    pub(crate) fn is_run(&self) -> bool {
        !matches!(self.mark, Mark::Prints(_) | Mark::NotRun)
    }
}

/// Marked blocks, in order.
pub(crate) fn blocks(document: &str) -> Vec<Block> {
    let mut lines = document.lines();
    let mut blocks = Vec::new();
    while let Some(line) = lines.next() {
        let comment = line.strip_prefix("<!-- ").and_then(|line| line.strip_suffix(" -->"));
        let Some(mark) = comment.and_then(mark) else { continue };
        let fence = lines.next().unwrap_or_default();
        assert!(fence.starts_with("```"), "a block must follow {line}");
        let text: Vec<&str> = lines.by_ref().take_while(|line| !line.starts_with("```")).collect();
        blocks.push(Block { mark, text: text.join("\n") });
    }
    blocks
}

fn mark(comment: &str) -> Option<Mark> {
    let (word, rest) = comment.split_once(": ").map_or((comment, None), |(word, rest)| (word, Some(rest)));
    match (word, rest) {
        ("run", None) => Some(Mark::Run),
        ("run", Some("fails")) => Some(Mark::Fails),
        ("run", Some(rest)) => Some(Mark::Background(rest.strip_prefix("background ")?.to_owned())),
        ("prints", name) => Some(Mark::Prints(name.map(str::to_owned))),
        ("not run", Some(_reason)) => Some(Mark::NotRun),
        _ => None,
    }
}

/// Lines at which a block of shell commands begins without a mark before it.
pub(crate) fn unmarked(document: &str) -> Vec<usize> {
    let is_shell = |line: &str| {
        let language = line.trim_start().strip_prefix("```");
        language.is_some_and(|language| ["sh", "shell", "bash", "console"].contains(&language.trim()))
    };
    let is_mark = |line: &str| {
        let comment = line.strip_prefix("<!-- ").and_then(|line| line.strip_suffix(" -->"));
        comment.and_then(mark).is_some_and(|mark| !matches!(mark, Mark::Prints(_)))
    };
    let pairs = document.lines().zip(document.lines().skip(1)).enumerate();
    let begins = pairs.filter(|(_, (before, line))| is_shell(line) && !is_mark(before));
    let first = document.lines().next().is_some_and(is_shell).then_some(1);
    first.into_iter().chain(begins.map(|(at, _)| at + 2)).collect()
}

/// Spans of code that are a subcommand of one of `programs`: its words up to the first option or argument.
pub(crate) fn commands(document: &str, programs: &[&str]) -> Vec<Vec<String>> {
    let text = document.lines().filter(|line| !line.starts_with("```")).collect::<Vec<_>>().join("\n");
    let spans = text.split('`').skip(1).step_by(2).map(str::to_owned).collect::<Vec<_>>();
    let is_plain = |word: &&str| {
        word.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-') && !word.starts_with('-')
    };
    let words = |span: String| -> Vec<String> {
        span.split_whitespace().take_while(is_plain).map(str::to_owned).collect()
    };
    spans.into_iter().map(words).filter(|words| words.len() > 1 && programs.contains(&&*words[0])).collect()
}

#[test]
fn blocks_of_commands_without_a_mark_are_found() {
    let document = "```sh\na\n```\n<!-- run -->\n```sh\nb\n```\n<!-- prints -->\n```sh\nc\n```\n\n```bash\nd\n```\n\
        <!-- not run: REASON -->\n```sh\n```\n<!-- not run -->\n```sh\n```\n```text\n```";
    assert_eq!(unmarked(document), [1, 9, 13, 20]);
}

#[test]
fn commands_in_the_text_are_found() {
    let document = "Run `less-sync key export FILE`, or `less-sync` or `other key`;\n```sh\nx\n```\n`less-sync tail\n--json`.";
    assert_eq!(
        commands(document, &["less-sync"]),
        [vec!["less-sync", "key", "export"], vec!["less-sync", "tail"]]
    );
}

/// First promised line that `printed` does not have, after those before it.
pub(crate) fn missing<'p>(promised: &'p str, printed: &str) -> Option<&'p str> {
    let mut printed = printed.lines();
    promised.lines().find(|line| !printed.any(|found| matches(line, found)))
}

fn matches(promised: &str, found: &str) -> bool {
    let mut parts = promised.split('…');
    let Some(mut rest) = parts.next().and_then(|first| found.strip_prefix(first)) else { return false };
    let mut last = None;
    for part in parts {
        last = Some(part);
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    match last {
        // Without the sign at its end, the line ends with its last part.
        Some(part) if !part.is_empty() => rest.is_empty() || found.ends_with(part),
        Some(_) => true,
        None => rest.is_empty(),
    }
}

#[test]
fn promised_lines_are_found_in_their_order() {
    let printed = "a=1 b=2\nc=3\nd=4 e=5";
    for promised in ["a=1 b=2", "a=… b=2\nc=3", "a=1 …\nd=…", "…b=2\n…e=5"] {
        assert_eq!(missing(promised, printed), None, "{promised}");
    }
    for promised in ["a=1", "c=3\na=…", "a=… b=3", "…c", "d=… e"] {
        assert!(missing(promised, printed).is_some(), "{promised}");
    }
}
