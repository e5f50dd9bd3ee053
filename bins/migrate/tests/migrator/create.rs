//! `create`.

use crate::command::migrator;

#[test]
fn next_pair_of_files_is_created_and_printed() {
    let directory = tempfile::tempdir().unwrap();
    let dir = directory.path().to_str().unwrap();
    let said = migrator(&[], &["create", "first_step", "--dir", dir]).succeeded();
    assert_eq!(said.lines(), [format!("{dir}/001_first_step.sql"), format!("{dir}/001_first_step.down.sql")]);
    std::fs::write(directory.path().join("041_by_hand.sql"), "").unwrap();
    let said = migrator(&[], &["create", "next", "--dir", dir]).succeeded();
    assert_eq!(said.lines(), [format!("{dir}/042_next.sql"), format!("{dir}/042_next.down.sql")]);
    for line in said.lines() {
        assert!(std::fs::read_to_string(line).unwrap().starts_with("-- "), "{line}");
    }
}

#[test]
fn bad_names_and_missing_directories_are_rejected() {
    let said = migrator(&[], &["create", "../escape"]);
    assert_eq!(said.code, 2);
    assert!(said.err.starts_with("error: invalid name \"../escape\": "), "{}", said.err);
    let said = migrator(&[], &["create", "name", "--dir", "/nowhere/at/all"]);
    assert_eq!(said.code, 1);
    assert!(said.err.starts_with("error: cannot read directory \"/nowhere/at/all\"\n  "), "{}", said.err);
}
