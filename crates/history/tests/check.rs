//! Small histories, consistent and inconsistent ones.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "test code may panic")]

use less_sync_history::{Change, Event, Recorder, Row, Verdict, check};

/// Parses one line of a history: `push 1 a=x` (a was seen at 0), `push 2 a=y@1`, `push 3 a=-@2` (deleted).
fn event(text: &str) -> Event {
    let words: Vec<&str> = text.split_whitespace().collect();
    let number = |place: usize| words[place].parse::<u64>().unwrap();
    let space = "s".to_owned();
    match words[0] {
        "push" => Event::Push {
            op: number(1),
            space,
            changes: words[2..].iter().map(|word| change(word)).collect(),
        },
        "pushed" => Event::Pushed { op: number(1), cursor: number(2) },
        "rejected" => Event::Rejected { op: number(1) },
        "lost" => Event::Lost { op: number(1) },
        "pull" => Event::Pull { op: number(1), space, since: number(2) },
        "pulled" => Event::Pulled {
            op: number(1),
            cursor: number(2),
            rows: words[3..].iter().map(|word| row(word)).collect(),
        },
        "sync" => Event::Sync {
            subscription: words[1].to_owned(),
            space,
            prev: number(2),
            cursor: number(3),
            rows: words[4..].iter().map(|word| row(word)).collect(),
        },
        other => Event::Note { text: other.to_owned() },
    }
}

/// Parses `record=value@cursor`; the cursor defaults to 0, and `-` is no value.
fn parts(word: &str) -> (String, Option<String>, u64) {
    let (record, rest) = word.split_once('=').unwrap();
    let (value, cursor) = rest.split_once('@').unwrap_or((rest, "0"));
    (record.to_owned(), Some(value.to_owned()).filter(|value| value != "-"), cursor.parse().unwrap())
}

fn change(word: &str) -> Change {
    let (record, value, expected) = parts(word);
    Change { record, expected, value }
}

fn row(word: &str) -> Row {
    let (record, value, cursor) = parts(word);
    Row { record, cursor, value }
}

fn verdict(lines: &[&str]) -> Verdict {
    let recorder = Recorder::new(Vec::new());
    for line in lines {
        recorder.record(&event(line)).unwrap();
    }
    check(recorder.into_inner().as_slice()).unwrap()
}

#[test]
fn consistent_histories_have_no_violation() {
    let histories: [(&str, &[&str]); 16] = [
        ("nothing", &[]),
        (
            "an event that was read after a record had been written again",
            &["push 1 a=x b=y", "push 2 a=z@1", "sync c 0 1 b=y@1", "sync c 1 2 a=z@2"],
        ),
        ("a push and a pull", &["push 1 a=x", "pushed 1 1", "pull 2 0", "pulled 2 1 a=x@1"]),
        (
            "a rejection",
            &["push 1 a=x", "pushed 1 1", "push 2 a=y", "rejected 2", "pull 3 0", "pulled 3 1 a=x@1"],
        ),
        (
            "an update",
            &["push 1 a=x", "pushed 1 1", "push 2 a=y@1", "pushed 2 2", "pull 3 1", "pulled 3 2 a=y@2"],
        ),
        (
            "a deletion, left out of a first pull",
            &["push 1 a=x b=z", "pushed 1 1", "push 2 a=-@1", "pushed 2 2", "pull 3 0", "pulled 3 2 b=z@1"],
        ),
        (
            "a deletion, visible to a reader that had the record",
            &["push 1 a=x", "pushed 1 1", "push 2 a=-@1", "pushed 2 2", "pull 3 1", "pulled 3 2 a=-@2"],
        ),
        (
            "a push of unknown outcome that happened",
            &["push 1 a=x", "lost 1", "pull 2 0", "pulled 2 1 a=x@1"],
        ),
        ("a push of unknown outcome that did not", &["push 1 a=x", "lost 1", "pull 2 0", "pulled 2 0"]),
        (
            "one that was never seen, and was replaced",
            &["push 1 a=x", "lost 1", "push 2 a=y@1", "pushed 2 2", "pull 3 0", "pulled 3 2 a=y@2"],
        ),
        (
            "a deletion of unknown outcome",
            &["push 1 a=x", "pushed 1 1", "push 2 a=-@1", "lost 2", "pull 3 1", "pulled 3 2 a=-@2"],
        ),
        (
            "acknowledgements out of order",
            &["push 1 a=x", "push 2 b=y", "pushed 2 2", "pushed 1 1", "pull 3 0", "pulled 3 2 a=x@1 b=y@2"],
        ),
        (
            "a pull that began before the push was acknowledged",
            &["push 1 a=x", "pull 2 0", "pushed 1 1", "pulled 2 0"],
        ),
        (
            "a record that was rewritten while its pages were read",
            &[
                "push 1 a=x b=z",
                "pushed 1 1",
                "pull 2 0",
                "push 3 a=y@1 c=u",
                "pushed 3 2",
                "pulled 2 1 b=z@1 a=y@2",
            ],
        ),
        (
            "a record that was rewritten after it was read",
            &["push 1 a=x", "pushed 1 1", "pull 2 0", "push 3 a=y@1", "pushed 3 2", "pulled 2 1 a=x@1 a=y@2"],
        ),
        (
            "live events, and a hint",
            &[
                "push 1 a=x",
                "sync c 0 1 a=x@1",
                "pushed 1 1",
                "push 2 a=y@1",
                "pushed 2 2",
                "sync c 2 2",
                "push 3 a=z@2",
                "pushed 3 3",
                "sync c 2 3 a=z@3",
            ],
        ),
    ];
    for (name, lines) in histories {
        assert_eq!(verdict(lines).violations, [], "{name}");
    }
}

#[test]
fn violations_are_found() {
    let histories: [(&str, &[&str]); 20] = [
        ("lost", &["push 1 a=x", "pushed 1 1", "pull 2 0", "pulled 2 1"]),
        ("lost", &["push 1 a=x", "pushed 1 1", "push 2 a=y@1", "pushed 2 2", "pull 3 0", "pulled 3 2 a=x@1"]),
        ("lost", &["push 1 a=x", "pushed 1 1", "push 2 b=y", "pushed 2 2", "pull 3 1", "pulled 3 2"]),
        (
            "lost",
            &["push 1 a=x b=z", "pushed 1 1", "pull 2 0", "push 3 a=y@1", "pushed 3 2", "pulled 2 1 b=z@1"],
        ),
        ("1 was seen before", &["push 1 a=x", "pushed 1 1", "pull 2 0", "pulled 2 0"]),
        (
            "is missing",
            &["push 1 a=x", "pushed 1 1", "push 2 b=y", "pull 3 0", "pushed 2 2", "pulled 3 2 b=y@2"],
        ),
        ("and again at 2", &["push 1 a=x", "pushed 1 1", "pull 2 0", "pulled 2 2 a=x@2"]),
        ("no push wrote", &["pull 1 0", "pulled 1 1 a=x@1"]),
        ("was rejected and took effect", &["push 1 a=x", "rejected 1", "pull 2 0", "pulled 2 1 a=x@1"]),
        ("is not above 1", &["push 1 a=x", "pushed 1 1", "push 2 b=y", "pushed 2 1"]),
        ("was given to push", &["push 1 a=x", "push 2 b=y", "pushed 1 1", "pushed 2 1"]),
        (
            "only a part is there",
            &[
                "push 1 a=x b=y",
                "pushed 1 1",
                "push 2 a=z@1 b=z@1",
                "lost 2",
                "pull 3 0",
                "pulled 3 2 b=y@1 a=z@2",
            ],
        ),
        ("is missing", &["push 1 a=x b=y", "lost 1", "pull 2 0", "pulled 2 1 a=x@1"]),
        ("though it expected", &["push 1 a=x", "pushed 1 1", "push 2 a=y", "pushed 2 2"]),
        ("by no push", &["push 1 a=x", "pushed 1 1", "pull 2 1", "pulled 2 2 a=-@2"]),
        ("belong to no push", &["push 1 a=x", "pushed 1 3"]),
        ("comes after", &["push 1 a=x", "push 2 b=y", "pull 3 0", "pulled 3 2 b=y@2 a=x@1"]),
        ("comes twice", &["push 1 a=x", "pull 3 0", "pulled 3 1 a=x@1 a=x@1"]),
        (
            "stands at 1",
            &["push 1 a=x", "sync c 0 1 a=x@1", "push 2 b=x", "pushed 2 2", "push 3 c=x", "sync c 2 3 c=x@3"],
        ),
        ("a part of push 1 only", &["push 1 a=x b=y", "sync c 0 1 a=x@1"]),
    ];
    for (what, lines) in histories {
        let violations = verdict(lines).violations;
        assert!(violations.iter().any(|violation| violation.what.contains(what)), "{what}: {violations:?}");
    }
}

#[test]
fn verdict_counts_requests_and_events() {
    let counted = verdict(&[
        "push 1 a=x",
        "pushed 1 1",
        "push 2 a=y",
        "rejected 2",
        "push 3 b=y",
        "lost 3",
        "push 4 c=y",
        "lost 4",
        "pull 5 0",
        "pulled 5 2 a=x@1 b=y@2",
        "sync c 0 1 a=x@1",
        "remark",
    ]);
    let expected = Verdict {
        acknowledged: 1,
        unknown: 2,
        unknown_seen: 1,
        rejected: 1,
        pulls: 1,
        events: 1,
        violations: Vec::new(),
    };
    assert_eq!(counted, expected);
}

#[test]
fn malformed_history_is_rejected_with_its_line() {
    for (text, expected) in [
        ("{}", "line 1 is not an event"),
        ("\n\nnot json", "line 3 is not an event"),
        (r#"{"event":"pushed","op":1,"cursor":1}"#, "line 1: op 1 never began"),
        (r#"{"event":"note","text":"x","more":1}"#, "line 1 is not an event"),
        (
            "{\"event\":\"pull\",\"op\":1,\"space\":\"s\",\"since\":0}\n{\"event\":\"pull\",\"op\":1,\"space\":\"s\",\"since\":0}",
            "line 2: op 1 begins for the second time",
        ),
        (
            "{\"event\":\"pull\",\"op\":1,\"space\":\"s\",\"since\":0}\n{\"event\":\"pushed\",\"op\":1,\"cursor\":1}",
            "line 2: op 1 is not under way",
        ),
    ] {
        assert_eq!(check(text.as_bytes()).unwrap_err().to_string(), expected);
    }
}
