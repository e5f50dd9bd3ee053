//! Frames in the documents.

use super::file;

/// Block after each comment `<!-- vector: NAME -->`: its name, its diagnostic notation and its hex.
fn frames(document: &str) -> Vec<(&str, String, String)> {
    let marked = document.split("<!-- vector: ").skip(1);
    marked
        .map(|part| {
            let (name, rest) = part.split_once(" -->").unwrap();
            let block = rest.split("```").nth(1).unwrap().strip_prefix("text").unwrap();
            let (notation, hex) = block.split_once("\n\n").unwrap();
            (name, without_spaces(notation), without_spaces(hex))
        })
        .collect()
}

fn without_spaces(text: &str) -> String {
    text.split_whitespace().collect()
}

#[test]
fn frames_of_the_introduction_are_those_of_the_vectors() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/protocol.md");
    let document = std::fs::read_to_string(path).unwrap();
    let vectors = file::frames();
    let frames = frames(&document);
    assert!(frames.len() >= 6);
    for (name, notation, hex) in frames {
        let vector =
            vectors.iter().find(|vector| vector.name() == name).unwrap_or_else(|| panic!("no vector {name}"));
        assert_eq!(notation, without_spaces(vector.text("diag")), "{name}");
        assert_eq!(hex, vector.text("hex"), "{name}");
    }
}
