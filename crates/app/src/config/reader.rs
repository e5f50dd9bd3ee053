//! Typed reader of settings that collects all problems.

use std::fmt::Display;
use std::ops::RangeInclusive;
use std::time::Duration;

use super::grammar;
use super::names;
use super::sources::Sources;

/// Reader of single settings. An invalid value is recorded as a problem and replaced by its default, so that all problems
/// are found in one run.
pub(crate) struct Reader<'s> {
    sources: &'s Sources,
    problems: Vec<String>,
    warnings: Vec<String>,
    /// Names read so far, with their effective values.
    effective: Vec<(&'static str, String)>,
    /// Aliases of names read so far.
    aliases: Vec<&'static str>,
}

/// Result of reading: problems, warnings and effective values.
pub(crate) struct Findings {
    pub(crate) problems: Vec<String>,
    pub(crate) warnings: Vec<String>,
    pub(crate) effective: Vec<(&'static str, String)>,
    /// Names that were read, aliases included.
    pub(crate) known: Vec<&'static str>,
}

impl<'s> Reader<'s> {
    pub(crate) fn new(sources: &'s Sources) -> Self {
        Self {
            sources,
            problems: Vec::new(),
            warnings: Vec::new(),
            effective: Vec::new(),
            aliases: Vec::new(),
        }
    }

    /// True in development mode.
    pub(crate) fn is_development(&self) -> bool {
        self.sources.development.is_some()
    }

    pub(crate) fn problem(&mut self, text: impl Into<String>) {
        self.problems.push(text.into());
    }

    pub(crate) fn warning(&mut self, text: impl Into<String>) {
        self.warnings.push(text.into());
    }

    /// Text of a setting, if it is set.
    pub(crate) fn text(&mut self, name: &'static str) -> Option<String> {
        let found = self.sources.look_up(name);
        self.found(name, found)
    }

    /// Text of a setting with an alias; two different values are a problem.
    pub(crate) fn either(&mut self, name: &'static str, alias: &'static str) -> Option<String> {
        let found = self.sources.look_up_either(name, alias);
        let value = self.found(name, found);
        self.aliases.push(alias);
        value
    }

    fn found(&mut self, name: &'static str, found: Result<Option<String>, String>) -> Option<String> {
        let value = found.unwrap_or_else(|problem| {
            self.problem(problem);
            None
        });
        self.effective.push((name, value.clone().unwrap_or_else(|| "unset".to_owned())));
        value
    }

    /// Sets the effective value shown for a setting.
    pub(crate) fn show(&mut self, name: &'static str, value: impl Display) {
        let value = value.to_string();
        match self.effective.iter_mut().find(|(known, _)| *known == name) {
            Some((_, shown)) => *shown = value,
            None => self.effective.push((name, value)),
        }
    }

    pub(crate) fn switch(&mut self, name: &'static str, default: bool) -> bool {
        let value = self.value(name, grammar::switch, |_| true, "true or false").unwrap_or(default);
        self.show(name, value);
        value
    }

    pub(crate) fn count<T>(&mut self, name: &'static str, default: T, range: RangeInclusive<T>) -> T
    where
        T: TryFrom<u64> + PartialOrd + Display + Copy,
    {
        let expected = format!("{} to {}", range.start(), range.end());
        let parse = |text: &str| grammar::count(text).and_then(|count| T::try_from(count).ok());
        let value = self.value(name, parse, |value| range.contains(value), &expected).unwrap_or(default);
        self.show(name, value);
        value
    }

    pub(crate) fn size(&mut self, name: &'static str, default: usize, range: RangeInclusive<usize>) -> usize {
        let value = self.optional_size(name, range).unwrap_or(default);
        self.show(name, grammar::show_size(value as u64));
        value
    }

    /// Size without a fixed default; shown as `unset` where it is not set.
    pub(crate) fn optional_size(
        &mut self,
        name: &'static str,
        range: RangeInclusive<usize>,
    ) -> Option<usize> {
        let show = |bytes: usize| grammar::show_size(bytes as u64);
        let expected = format!("{} to {}", show(*range.start()), show(*range.end()));
        let parse = |text: &str| grammar::size(text).and_then(|bytes| usize::try_from(bytes).ok());
        let value = self.value(name, parse, |value| range.contains(value), &expected)?;
        self.show(name, show(value));
        Some(value)
    }

    pub(crate) fn duration(
        &mut self,
        name: &'static str,
        default: Duration,
        range: RangeInclusive<Duration>,
    ) -> Duration {
        let text = self.text(name);
        self.duration_of(name, text, default, range)
    }

    /// Reads a range of durations: two of them with a hyphen between, or one for both ends.
    pub(crate) fn durations(
        &mut self,
        name: &'static str,
        default: RangeInclusive<Duration>,
        range: RangeInclusive<Duration>,
    ) -> RangeInclusive<Duration> {
        let show = grammar::show_duration;
        let expected =
            format!("{} to {}, or two of them with a hyphen", show(*range.start()), show(*range.end()));
        let within =
            |value: &RangeInclusive<Duration>| range.contains(value.start()) && range.contains(value.end());
        let value = self.value(name, grammar::durations, within, &expected).unwrap_or(default);
        self.show(name, format!("{}-{}", show(*value.start()), show(*value.end())));
        value
    }

    /// Parses a duration whose text was read before.
    pub(crate) fn duration_of(
        &mut self,
        name: &'static str,
        text: Option<String>,
        default: Duration,
        range: RangeInclusive<Duration>,
    ) -> Duration {
        let show = grammar::show_duration;
        let expected = format!("{} to {}", show(*range.start()), show(*range.end()));
        let within = |value: &Duration| range.contains(value);
        let value = self.value_of(name, text, grammar::duration, within, &expected).unwrap_or(default);
        self.show(name, show(value));
        value
    }

    fn value<T>(
        &mut self,
        name: &'static str,
        parse: impl FnOnce(&str) -> Option<T>,
        accept: impl FnOnce(&T) -> bool,
        expected: &str,
    ) -> Option<T> {
        let text = self.text(name);
        self.value_of(name, text, parse, accept, expected)
    }

    fn value_of<T>(
        &mut self,
        name: &'static str,
        text: Option<String>,
        parse: impl FnOnce(&str) -> Option<T>,
        accept: impl FnOnce(&T) -> bool,
        expected: &str,
    ) -> Option<T> {
        let text = text?;
        let value = parse(&text).filter(accept);
        if value.is_none() {
            self.problem(format!("invalid {name} value \"{text}\": expected {expected}"));
        }
        value
    }

    /// Ends a partial read, without a check for unknown names.
    pub(crate) fn into_problems(self) -> Vec<String> {
        self.problems
    }

    /// Ends a complete read: names that were not read are reported as unknown, except for the `others`, which another command
    /// of the program reads.
    pub(crate) fn finish(mut self, others: &[&'static str]) -> Findings {
        let read: Vec<&'static str> =
            self.effective.iter().map(|(name, _)| *name).chain(self.aliases.iter().copied()).collect();
        let known = [&read, others].concat();
        for name in self.sources.names_in_environment() {
            if let Some(warning) = names::check_variable(name, &known) {
                self.warnings.push(warning);
            }
        }
        for name in self.sources.names_in_file() {
            match names::check_file_entry(name, &known) {
                Ok(warning) => self.warnings.extend(warning),
                Err(problem) => self.problems.push(problem),
            }
        }
        let Self { problems, warnings, effective, .. } = self;
        Findings { problems, warnings, effective, known: read }
    }
}
