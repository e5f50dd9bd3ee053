//! `less-sync history-check`

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

fn check(history: &str, arguments: &[&str]) -> Output {
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
fn consistent_history_succeeds() {
    let seen = r#"{"event":"pulled","op":2,"cursor":1,"rows":[{"record":"r","cursor":1,"value":"a"}]}"#;
    let output = check(&format!("{PUSH}{seen}\n"), &[]);
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), ""));
    let expected =
        "history=- acknowledged=1 rejected=0 unknown=0 unknown_seen=0 pulls=1 events=0 violations=0\n";
    assert_eq!(text(&output.stdout), expected);
}

#[test]
fn every_violation_is_named_with_its_line() {
    let output =
        check(&format!("{PUSH}{}\n", r#"{"event":"pulled","op":2,"cursor":1,"rows":[]}"#), &["--json"]);
    assert_eq!(output.status.code(), Some(3));
    let first: serde_json::Value =
        serde_json::from_str(text(&output.stdout).lines().next().unwrap()).unwrap();
    assert_eq!(first["line"], 4);
    assert!(first["violation"].as_str().unwrap().contains("lost"), "{first}");
    assert_eq!(text(&output.stderr), "error: 1 consistency violation\n");
}

#[test]
fn malformed_history_is_a_failure() {
    let output = check("what?\n", &[]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("line 1 is not an event"), "{}", text(&output.stderr));
}
