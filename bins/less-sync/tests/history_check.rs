//! `less-sync history-check`

#![expect(clippy::unwrap_used, reason = "failing is how a test says that something is wrong")]

use std::io::Write as _;
use std::process::{Command, Output, Stdio};

const PUSH: &str = concat!(
    r#"{"event":"push","op":1,"space":"s","changes":[{"record":"r","expected":0,"value":"a"}]}"#,
    "\n",
    r#"{"event":"pushed","op":1,"cursor":1}"#,
    "\n",
    r#"{"event":"pull","op":2,"space":"s","since":0}"#,
    "\n",
);

fn judge(history: &str, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_less-sync"));
    command.args(["history-check", "-"]).args(arguments);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(history.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

fn text(bytes: &[u8]) -> &str {
    str::from_utf8(bytes).unwrap()
}

#[test]
fn a_history_without_a_violation_is_fine() {
    let seen = r#"{"event":"pulled","op":2,"cursor":1,"rows":[{"record":"r","cursor":1,"value":"a"}]}"#;
    let output = judge(&format!("{PUSH}{seen}\n"), &[]);
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), ""));
    let expected =
        "history=- acknowledged=1 rejected=0 unknown=0 unknown_seen=0 pulls=1 events=0 violations=0\n";
    assert_eq!(text(&output.stdout), expected);
}

#[test]
fn every_violation_is_named_with_its_line() {
    let output =
        judge(&format!("{PUSH}{}\n", r#"{"event":"pulled","op":2,"cursor":1,"rows":[]}"#), &["--json"]);
    assert_eq!(output.status.code(), Some(3));
    let first: serde_json::Value =
        serde_json::from_str(text(&output.stdout).lines().next().unwrap()).unwrap();
    assert_eq!(first["line"], 4);
    assert!(first["violation"].as_str().unwrap().contains("lost"), "{first}");
    assert_eq!(text(&output.stderr), "error: a promise was broken\n");
}

#[test]
fn what_is_no_history_is_a_failure() {
    let output = judge("what?\n", &[]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("line 1 is no event"), "{}", text(&output.stderr));
}
