//! Sources of settings by precedence: flags, environment, config file, presets of the mode (operations §2.1).

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::Context as _;

/// Setting values by upper-case name.
pub type Values = BTreeMap<String, String>;

/// Layers of settings, highest precedence first. Blank values count as unset.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    /// Command-line flags.
    pub flags: Values,
    /// Environment variables, read once in `main`.
    pub environment: Values,
    /// Config file (`--config`).
    pub file: Values,
    /// Presets of development mode.
    pub presets: Values,
    /// Data directory of development mode; `None` in normal operation.
    pub development: Option<PathBuf>,
    /// Environment variables that development mode ignores, as far as they are set.
    pub(crate) ignored: Vec<&'static str>,
}

/// Environment variables that name a database. Development mode opens its database to every program of the machine and may
/// migrate it; a shell where such a variable names another one must not be enough for that.
const DATABASES: [&str; 4] =
    ["DATABASE_URL", "DATABASE_URL_FILE", "DATABASE_MIGRATION_URL", "DATABASE_MIGRATION_URL_FILE"];

impl Sources {
    /// Creates sources from an environment alone.
    #[must_use]
    pub fn from_environment(environment: Values) -> Self {
        Self { environment, ..Self::default() }
    }

    /// Turns development mode on, with all data in `directory`. From now on, only flags and the config file name another
    /// database.
    pub fn set_development(&mut self, directory: &Path) {
        let database = format!("sqlite:{}", directory.join("less-sync.db").display());
        let files = directory.join("files").display().to_string();
        let presets = [
            ("LISTEN_ADDR", "127.0.0.1:5379"),
            ("DATABASE_URL", &database),
            ("FILE_STORAGE_BACKEND", "local"),
            ("FILE_STORAGE_PATH", &files),
        ];
        self.presets.extend(presets.map(|(name, value)| (name.to_owned(), value.to_owned())));
        self.development = Some(directory.to_owned());
        let is_set = |value: String| !value.trim().is_empty();
        self.ignored
            .extend(DATABASES.into_iter().filter(|name| self.environment.remove(*name).is_some_and(is_set)));
    }

    /// Adds the settings of a TOML file, whose keys are the variable names in lower case.
    ///
    /// # Errors
    /// The file cannot be read, is not TOML, or contains values other than strings, integers and booleans.
    pub fn add_file(&mut self, path: &Path) -> anyhow::Result<()> {
        let shown = path.display();
        let text =
            std::fs::read_to_string(path).with_context(|| format!("cannot read config file \"{shown}\""))?;
        self.file =
            file_values(without_mark(&text)).with_context(|| format!("invalid config file \"{shown}\""))?;
        Ok(())
    }

    /// Looks up `name` in the highest layer that sets it, directly or as the content of the file in `NAME_FILE`.
    pub(crate) fn look_up(&self, name: &str) -> Result<Option<String>, String> {
        for layer in self.layers() {
            if let Some(value) = look_up_in(layer, name)? {
                return Ok(Some(value));
            }
        }
        Ok(None)
    }

    /// Looks up a setting with an alias in the highest layer that sets either name.
    pub(crate) fn look_up_either(&self, name: &str, alias: &str) -> Result<Option<String>, String> {
        for layer in self.layers() {
            match (look_up_in(layer, name)?, look_up_in(layer, alias)?) {
                (Some(value), Some(other)) if value != other => {
                    return Err(format!("{name} and {alias} have different values"));
                }
                (None, None) => {}
                (value, other) => return Ok(value.or(other)),
            }
        }
        Ok(None)
    }

    /// True if a flag, the environment or the config file sets `name`, directly or by a file.
    pub(crate) fn is_given(&self, name: &str) -> bool {
        let by_file = format!("{name}_FILE");
        let given = [&self.flags, &self.environment, &self.file];
        given.into_iter().any(|layer| set(layer).any(|given| given == name || given == by_file))
    }

    /// Names in the config file.
    pub(crate) fn names_in_file(&self) -> impl Iterator<Item = &str> {
        set(&self.file)
    }

    /// Names in the environment, most of which are not settings.
    pub(crate) fn names_in_environment(&self) -> impl Iterator<Item = &str> {
        set(&self.environment)
    }

    fn layers(&self) -> [&Values; 4] {
        [&self.flags, &self.environment, &self.file, &self.presets]
    }
}

fn set(layer: &Values) -> impl Iterator<Item = &str> {
    layer.iter().filter(|(_, value)| !value.trim().is_empty()).map(|(name, _)| name.as_str())
}

fn look_up_in(layer: &Values, name: &str) -> Result<Option<String>, String> {
    let named = |name: &str| layer.get(name).filter(|value| !value.trim().is_empty());
    let by_file = format!("{name}_FILE");
    match (named(name), named(&by_file)) {
        (Some(_), Some(_)) => Err(format!("both {name} and {by_file} are set")),
        (Some(value), None) => Ok(Some(value.trim().to_owned())),
        (None, Some(path)) => content(&by_file, path),
        (None, None) => Ok(None),
    }
}

/// Text without the byte-order mark that some editors put before it.
pub(crate) fn without_mark(text: &str) -> &str {
    text.strip_prefix('\u{feff}').unwrap_or(text)
}

fn content(name: &str, path: &str) -> Result<Option<String>, String> {
    let text =
        std::fs::read_to_string(path).map_err(|error| format!("cannot read {name} \"{path}\": {error}"))?;
    let text = without_mark(&text);
    let text = text.strip_suffix('\n').unwrap_or(text);
    let text = text.strip_suffix('\r').unwrap_or(text);
    Ok((!text.trim().is_empty()).then(|| text.to_owned()))
}

fn file_values(text: &str) -> anyhow::Result<Values> {
    let table: toml::Table =
        text.parse().map_err(|error: toml::de::Error| anyhow::anyhow!("{}", error.message()))?;
    table.into_iter().map(|(name, value)| Ok((name.to_uppercase(), scalar(&name, value)?))).collect()
}

fn scalar(name: &str, value: toml::Value) -> anyhow::Result<String> {
    match value {
        toml::Value::String(text) => Ok(text),
        toml::Value::Integer(number) => Ok(number.to_string()),
        toml::Value::Boolean(switch) => Ok(switch.to_string()),
        toml::Value::Float(_) | toml::Value::Datetime(_) | toml::Value::Array(_) | toml::Value::Table(_) => {
            anyhow::bail!("\"{name}\" must be a string, an integer or a boolean")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(pairs: &[(&str, &str)]) -> Values {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn the_highest_layer_with_a_value_wins() {
        let mut sources = Sources {
            flags: values(&[("A", "flag")]),
            environment: values(&[("A", "environment"), ("B", "environment"), ("C", "  ")]),
            file: values(&[("A", "file"), ("B", "file"), ("C", "file"), ("D", "file")]),
            presets: values(&[("E", "preset")]),
            ..Sources::default()
        };
        let look_up = |sources: &Sources, name| sources.look_up(name).unwrap();
        assert_eq!(look_up(&sources, "A").as_deref(), Some("flag"));
        assert_eq!(look_up(&sources, "B").as_deref(), Some("environment"));
        assert_eq!(look_up(&sources, "C").as_deref(), Some("file"), "a blank value counts as unset");
        assert_eq!(look_up(&sources, "D").as_deref(), Some("file"));
        assert_eq!(look_up(&sources, "E").as_deref(), Some("preset"));
        assert_eq!(look_up(&sources, "F"), None);
        sources.flags.clear();
        assert_eq!(look_up(&sources, "A").as_deref(), Some("environment"));
    }

    #[test]
    fn a_value_can_be_the_content_of_a_file() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("secret");
        std::fs::write(&path, "content \r\n").unwrap();
        let sources = Sources::from_environment(values(&[("A_FILE", path.to_str().unwrap())]));
        assert_eq!(sources.look_up("A").unwrap().as_deref(), Some("content "));
        std::fs::write(&path, "\u{feff}content\r\n").unwrap();
        assert_eq!(sources.look_up("A").unwrap().as_deref(), Some("content"));
        std::fs::write(&path, "\n").unwrap();
        assert_eq!(sources.look_up("A"), Ok(None));
    }

    #[test]
    fn a_name_and_its_file_form_exclude_each_other() {
        let sources = Sources::from_environment(values(&[("A", "1"), ("A_FILE", "/nowhere")]));
        assert_eq!(sources.look_up("A"), Err("both A and A_FILE are set".to_owned()));
    }

    #[test]
    fn an_unreadable_file_is_named() {
        let sources = Sources::from_environment(values(&[("A_FILE", "/nowhere/at/all")]));
        let problem = sources.look_up("A").unwrap_err();
        assert!(problem.starts_with("cannot read A_FILE \"/nowhere/at/all\": "), "{problem}");
    }

    #[test]
    fn a_config_file_has_texts_integers_and_booleans() {
        let read =
            file_values("listen_addr = \":80\"\nshutdown_grace_secs = 20\nrun_migrations = true\n").unwrap();
        assert_eq!(
            read,
            values(&[("LISTEN_ADDR", ":80"), ("SHUTDOWN_GRACE_SECS", "20"), ("RUN_MIGRATIONS", "true")])
        );
        assert!(file_values("audiences = [\"a\"]").is_err());
        assert!(file_values("[server]\nlisten_addr = \":80\"").is_err());
        assert!(file_values("listen_addr = ").is_err());
    }
}
