//! Archives of releases, and the metadata by which `cargo binstall` finds them.

#![expect(clippy::unwrap_used, reason = "test code may panic")]

use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn workflow() -> String {
    fs::read_to_string(root().join(".github/workflows/release.yml")).unwrap()
}

/// Values of the lines that begin with `name`, without quotation marks.
fn values<'t>(text: &'t str, name: &str) -> Vec<&'t str> {
    let lines = text.lines().filter_map(|line| line.trim().strip_prefix(name));
    lines.map(|value| value.trim().trim_matches('"')).collect()
}

/// Section of a manifest by which `cargo binstall` finds the archive of an architecture. Other targets have none: a name without the
/// system would give Linux programs to a Mac.
fn section(archive: &str, architecture: &str) -> String {
    format!(
        "[package.metadata.binstall.overrides.{architecture}-unknown-linux-gnu]\n\
         pkg-url = \"{{ repo }}/releases/download/v{{ version }}/{archive}.tar.gz\"\n\
         bin-dir = \"{archive}/{{ bin }}\"\n\
         pkg-fmt = \"tgz\"\n"
    )
}

#[test]
fn every_program_is_found_in_the_archive_of_its_release() {
    let workflow = workflow();
    let names = values(&workflow, "name=");
    let template = names.iter().find(|name| name.contains("matrix")).unwrap();
    let architectures = values(&workflow, "architecture:");
    assert!(architectures.len() >= 2, "{architectures:?}");
    assert!(
        workflow.contains("-czf \"out/$name.tar.gz\" \"$name\""),
        "the archive is a folder of its own name"
    );

    let copied = values(&workflow, "cp target/dist/").join(" ");
    let programs = fs::read_dir(root().join("bins")).unwrap().map(|entry| entry.unwrap().path());
    let manifests: Vec<PathBuf> =
        programs.map(|folder| folder.join("Cargo.toml")).filter(|manifest| manifest.exists()).collect();
    for manifest in &manifests {
        let manifest = fs::read_to_string(manifest).unwrap();
        let program = values(&manifest, "name =")[..1].concat();
        let is_archived = copied.split(' ').any(|path| path.rsplit('/').next() == Some(&program));
        assert!(is_archived, "{program} is not in the archive: {copied}");
        for architecture in &architectures {
            let archive = template.replace("$GITHUB_REF_NAME", "v{ version }");
            let archive = archive.replace("${{ matrix.architecture }}", architecture);
            let expected = section(&archive, architecture);
            assert!(manifest.contains(&expected), "the manifest of {program} has no\n{expected}");
        }
        // Crates of these names in a registry would be those of somebody else.
        let disabled =
            "[package.metadata.binstall]\ndisabled-strategies = [\"quick-install\", \"compile\"]\n";
        assert!(manifest.contains(disabled), "the manifest of {program} has no\n{disabled}");
    }
    assert_eq!(manifests.len(), 4, "{manifests:?}");
}
