//! Citations that resolve, and citations that must not.

use super::*;

/// Two pages that share the family `R`, and one decision.
fn specification() -> Specification {
    let mut specification = Specification::default();
    specification.add_page(
        "protocol",
        "## 2. Frames\n### 2.1 Profile\n| # | |\n| 1 | x |\n| 2 | x |\n## 9. Scenarios\n| P-180 | x |\n| G1 | x |\n| R1 | x |\n| empty push: 0 | x |\n",
    );
    specification.add_page(
        "storage",
        "## 2. Migrations\n## 3. Contract\n| T1 | x |\n| P1 | x |\n| R1 | x |\n| R2 | x |\n",
    );
    specification.add_decision("0014-positions.md");
    specification
}

fn faults(path: &str, text: &str) -> Vec<String> {
    specification().faults(path, text)
}

/// Faults of a comment in Rust.
fn comment(text: &str) -> Vec<String> {
    faults("x.rs", &format!("// {text}")).iter().map(|fault| fault.replace("x.rs:1: ", "")).collect()
}

#[test]
fn citations_that_resolve_are_no_faults() {
    for text in [
        "(protocol §2.1, §9 P-180; storage T1)",
        "Protocol §2: the frames, storage §3.",
        "protocol §2.1 rows 1 and 2",
        "protocol §9 \"empty push: 0\", P-180",
        "P1, P-180, G1, R2 and storage R1",
        "decision 0014, docs/decisions/0014-positions.md",
        "RFC 9112 §6.3, §9.6",
        "P-256, UTF-8, SHA-256, RS256, S3",
    ] {
        assert_eq!(comment(text), [] as [&str; 0], "{text}");
    }
}

#[test]
fn missing_sections_rows_rules_and_decisions_are_faults() {
    for (text, expected) in [
        ("protocol §2.7", "protocol has no §2.7"),
        ("storage §2, §9", "storage has no §9"),
        ("protocol §2.1 row 3", "protocol §2.1 has no row 3"),
        ("protocol §2.1, check 7", "protocol §2.1 has no row 7"),
        ("protocol §9 \"full push: 0\", G1", "protocol §9 has no such row"),
        ("P-181", "no page has a rule P-181"),
        ("P-1", "no page has a rule P-1"),
        ("P01", "no page has a rule P01"),
        ("storage G1", "storage has no rule G1"),
        ("decision 0099", "there is no decision 0099"),
        ("docs/decisions/0099-x.md", "there is no decision 0099"),
    ] {
        assert_eq!(comment(text), [expected], "{text}");
    }
}

#[test]
fn sections_without_a_known_page_are_faults() {
    for text in ["architecture §3", "see §2", "P-180 and §2", "protocol §2; §9", "protocol (§2)"] {
        let found = comment(text);
        assert!(matches!(found.as_slice(), [fault] if fault.ends_with("names no page")), "{text}: {found:?}");
    }
}

#[test]
fn rules_of_several_pages_need_the_page_in_front() {
    assert_eq!(comment("R1"), ["R1 is ambiguous: name one of protocol, storage"]);
    assert_eq!(comment("storage T1, R1"), [] as [&str; 0]);
    assert_eq!(comment("storage R1"), [] as [&str; 0]);
}

#[test]
fn pages_of_the_specification_cite_themselves() {
    assert_eq!(faults("docs/spec/storage.md", "| see §3 and R1 |"), [] as [&str; 0]);
    assert_eq!(faults("docs/spec/storage.md", "x\n§9"), ["docs/spec/storage.md:2: storage has no §9"]);
    assert_eq!(faults("docs/other.md", "§3"), ["docs/other.md:1: §3 names no page"]);
}

#[test]
fn citations_that_wrap_keep_their_page_and_line() {
    assert_eq!(faults("x.rs", "/// (storage\n/// §3)"), [] as [&str; 0]);
    assert_eq!(faults("x.sql", "-- (storage\n-- §8)"), ["x.sql:2: storage has no §8"]);
}

#[test]
fn code_is_searched_for_section_marks_only() {
    assert_eq!(faults("x.rs", "let p = P2; // P1"), [] as [&str; 0]);
    assert_eq!(faults("x.rs", "reason = \"storage §8\""), ["x.rs:1: storage has no §8"]);
}
