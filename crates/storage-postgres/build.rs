//! Embeds the migrations and the catalogs that they lead to: every file under `/migrations/postgres`.

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

type Failure = Box<dyn Error>;

#[derive(Default)]
struct Pair {
    name: String,
    up: Option<PathBuf>,
    down: Option<PathBuf>,
}

fn main() -> Result<(), Failure> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../migrations/postgres").canonicalize()?;
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed={}", root.display());
    let code = migrations(&root)? + &catalogs(&root.join("catalog"))?;
    let out = env::var_os("OUT_DIR").ok_or("OUT_DIR is not set")?;
    fs::write(Path::new(&out).join("embedded.rs"), code)?;
    Ok(())
}

fn migrations(root: &Path) -> Result<String, Failure> {
    let mut pairs = BTreeMap::<i64, Pair>::new();
    for path in files(root, ".sql")? {
        let file = file_name(&path);
        let stem = file.trim_end_matches(".sql");
        let (stem, is_down) = stem.strip_suffix(".down").map_or((stem, false), |stem| (stem, true));
        let (version, name) = stem.split_once('_').ok_or_else(|| format!("{file} has no version"))?;
        let pair = pairs.entry(version.parse()?).or_default();
        if !pair.name.is_empty() && pair.name != name {
            return Err(format!("two migrations have version {version}").into());
        }
        name.clone_into(&mut pair.name);
        let place = if is_down { &mut pair.down } else { &mut pair.up };
        if place.replace(path).is_some() {
            return Err(format!("two migrations have version {version}").into());
        }
    }
    let mut code = String::from("pub(crate) static MIGRATIONS: &[Migration] = &[\n");
    for (expected, (version, Pair { name, up, down })) in (1..).zip(pairs) {
        let (Some(up), Some(down)) = (up, down) else {
            return Err(format!("migration {version} does not go both ways").into());
        };
        if version != expected {
            return Err(format!("migration {expected} is missing").into());
        }
        writeln!(
            code,
            "Migration {{ version: {version}, name: {name:?}, \
             up: include_str!({:?}), down: include_str!({:?}) }},",
            text(&up)?,
            text(&down)?
        )?;
    }
    Ok(code + "];\n")
}

fn catalogs(root: &Path) -> Result<String, Failure> {
    let mut code = String::from("pub(crate) static CATALOGS: &[(i64, &str)] = &[\n");
    for path in files(root, ".txt")? {
        let version: i64 = file_name(&path).trim_end_matches(".txt").parse()?;
        writeln!(code, "({version}, include_str!({:?})),", text(&path)?)?;
    }
    Ok(code + "];\n")
}

fn files(directory: &Path, suffix: &str) -> Result<Vec<PathBuf>, Failure> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(directory)? {
        paths.push(entry?.path());
    }
    paths.retain(|path| file_name(path).ends_with(suffix));
    paths.sort();
    Ok(paths)
}

fn text(path: &Path) -> Result<&str, Failure> {
    path.to_str().ok_or_else(|| format!("{} is no text", path.display()).into())
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}
