//! The vector files.

use std::path::Path;

use serde_json::Value;

/// Vector of the file.
#[derive(Clone, Debug)]
pub(crate) struct Vector(Value);

impl Vector {
    pub(crate) fn name(&self) -> &str {
        self.text("name")
    }

    pub(crate) fn text(&self, key: &str) -> &str {
        self.0[key].as_str().unwrap_or_else(|| panic!("no text {key} in {}", self.0["name"]))
    }

    pub(crate) fn is(&self, key: &str, text: &str) -> bool {
        self.0[key] == text
    }

    pub(crate) fn get(&self, key: &str) -> &Value {
        &self.0[key]
    }

    /// True if the server sends exactly these bytes.
    pub(crate) fn is_emitted(&self) -> bool {
        self.0["emit"] == true
    }

    /// The message; `None` for text messages and those too large to write down.
    pub(crate) fn message(&self) -> Option<Vec<u8>> {
        self.0["hex"].as_str().map(from_hex)
    }
}

/// Content of `/vectors/{name}`.
pub(crate) fn json(name: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../vectors").join(name);
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

/// All frames of both generations.
pub(crate) fn frames() -> Vec<Vector> {
    ["frames.json", "frames-newer.json"]
        .into_iter()
        .flat_map(|name| json(name).as_array().unwrap().clone())
        .map(Vector)
        .collect()
}

pub(crate) fn from_hex(hex: &str) -> Vec<u8> {
    assert_eq!(hex.len() % 2, 0);
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
}

pub(crate) fn to_hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut hex, byte| {
        write!(hex, "{byte:02x}").unwrap();
        hex
    })
}
