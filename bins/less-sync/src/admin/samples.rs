//! Samples of OpenMetrics text, their differences and quantiles.

use std::collections::BTreeMap;

/// Values of all series of one scrape.
#[derive(Clone, Debug, Default)]
pub(crate) struct Samples(BTreeMap<String, Vec<Sample>>);

/// Value of a series.
#[derive(Clone, Debug, PartialEq)]
struct Sample {
    labels: Vec<(String, String)>,
    value: f64,
}

impl Sample {
    fn label(&self, name: &str) -> Option<&str> {
        self.labels.iter().find(|(label, _)| label == name).map(|(_, value)| value.as_str())
    }

    fn has(&self, labels: &[(&str, &str)]) -> bool {
        labels.iter().all(|(name, value)| self.label(name) == Some(value))
    }
}

impl Samples {
    /// Parses the text; lines that are none of the format are left out.
    pub(crate) fn parse(text: &str) -> Self {
        let mut samples: BTreeMap<String, Vec<Sample>> = BTreeMap::new();
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            if let Some((name, sample)) = parse_line(line) {
                samples.entry(name.to_owned()).or_default().push(sample);
            }
        }
        Self(samples)
    }

    fn matching<'s>(&'s self, name: &str, labels: &'s [(&str, &str)]) -> impl Iterator<Item = &'s Sample> {
        self.0.get(name).into_iter().flatten().filter(move |sample| sample.has(labels))
    }

    /// Sum of the series of `name` that have all of `labels`.
    pub(crate) fn sum(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        self.matching(name, labels).map(|sample| sample.value).sum()
    }

    /// Sum of the series that have all of `labels`, for each value of the label `by`.
    pub(crate) fn by(&self, name: &str, labels: &[(&str, &str)], by: &str) -> BTreeMap<String, f64> {
        let mut sums = BTreeMap::new();
        for sample in self.matching(name, labels) {
            if let Some(value) = sample.label(by) {
                *sums.entry(value.to_owned()).or_default() += sample.value;
            }
        }
        sums
    }

    /// Cumulative counts of a histogram by upper bound, summed over the series that have all of `labels`.
    fn buckets(&self, name: &str, labels: &[(&str, &str)]) -> Vec<(f64, f64)> {
        let buckets = self.by(&format!("{name}_bucket"), labels, "le");
        let bound = |text: &str| if text == "+Inf" { Some(f64::INFINITY) } else { text.parse().ok() };
        let mut buckets: Vec<(f64, f64)> =
            buckets.iter().filter_map(|(le, count)| Some((bound(le)?, *count))).collect();
        buckets.sort_by(|one, other| one.0.total_cmp(&other.0));
        buckets
    }
}

/// Two scrapes of one server, and the seconds between them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Interval {
    pub(crate) before: Samples,
    pub(crate) after: Samples,
    pub(crate) seconds: f64,
}

impl Interval {
    /// Increase of a counter; its value if the server has started anew in between.
    pub(crate) fn increase(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        let (before, after) = (self.before.sum(name, labels), self.after.sum(name, labels));
        if after < before { after } else { after - before }
    }

    /// Increase of a counter per second.
    pub(crate) fn rate(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        if self.seconds > 0.0 { self.increase(name, labels) / self.seconds } else { 0.0 }
    }

    /// Quantile of the observations of a histogram within the interval, interpolated within its bucket as Prometheus does;
    /// `None` without observations. Observations above the highest bound count as that bound.
    pub(crate) fn quantile(&self, name: &str, labels: &[(&str, &str)], quantile: f64) -> Option<f64> {
        let before = self.before.buckets(name, labels);
        let earlier = |bound: f64| {
            before.iter().find(|(known, _)| known.total_cmp(&bound).is_eq()).map_or(0.0, |(_, count)| *count)
        };
        let counts: Vec<(f64, f64)> = self
            .after
            .buckets(name, labels)
            .into_iter()
            .map(|(bound, count)| (bound, (count - earlier(bound)).max(0.0)))
            .collect();
        let total = counts.last().map_or(0.0, |(_, count)| *count);
        if total <= 0.0 {
            return None;
        }
        let rank = quantile * total;
        let (mut low, mut below) = (0.0, 0.0);
        for (bound, count) in counts {
            if count >= rank {
                let share = if count > below { (rank - below) / (count - below) } else { 1.0 };
                return Some(if bound.is_finite() { low + (bound - low) * share } else { low });
            }
            (low, below) = (bound, count);
        }
        Some(low)
    }
}

/// Name and sample of `name{label="value",…} number`.
fn parse_line(line: &str) -> Option<(&str, Sample)> {
    let end = line.find(['{', ' '])?;
    let (name, rest) = line.split_at_checked(end)?;
    let (labels, rest) = match rest.strip_prefix('{') {
        Some(rest) => parse_labels(rest)?,
        None => (Vec::new(), rest),
    };
    let value = rest.split_whitespace().next()?.parse().ok()?;
    Some((name, Sample { labels, value }))
}

/// Labels up to the closing brace, and what follows it.
fn parse_labels(mut rest: &str) -> Option<(Vec<(String, String)>, &str)> {
    let mut labels = Vec::new();
    loop {
        rest = rest.trim_start_matches(',');
        if let Some(after) = rest.strip_prefix('}') {
            return Some((labels, after));
        }
        let (name, quoted) = rest.split_once("=\"")?;
        let (mut value, mut characters) = (String::new(), quoted.char_indices());
        let end = loop {
            match characters.next()? {
                (at, '"') => break at,
                (_, '\\') => match characters.next()?.1 {
                    'n' => value.push('\n'),
                    other => value.push(other),
                },
                (_, other) => value.push(other),
            }
        };
        labels.push((name.to_owned(), value));
        rest = quoted.get(end + 1..)?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEFORE: &str = "# TYPE rpc_requests counter\nrpc_requests_total{method=\"push\",outcome=\"ok\"} 10\n\
        d_bucket{le=\"0.001\"} 5\nd_bucket{le=\"0.01\"} 5\nd_bucket{le=\"+Inf\"} 5\nup 1\n";
    const AFTER: &str = "rpc_requests_total{method=\"push\",outcome=\"ok\"} 30\n\
        rpc_requests_total{method=\"pull \\\"}\",outcome=\"error\"} 4 1.5\n\
        d_bucket{le=\"0.001\"} 5\nd_bucket{le=\"0.01\"} 15\nd_bucket{le=\"+Inf\"} 15\n# EOF\n";

    fn interval() -> Interval {
        Interval { before: Samples::parse(BEFORE), after: Samples::parse(AFTER), seconds: 2.0 }
    }

    #[test]
    fn series_are_selected_by_their_labels() {
        let samples = Samples::parse(AFTER);
        assert!((samples.sum("rpc_requests_total", &[]) - 34.0).abs() < 1e-9);
        assert!((samples.sum("rpc_requests_total", &[("outcome", "error")]) - 4.0).abs() < 1e-9);
        let methods = samples.by("rpc_requests_total", &[], "method");
        assert_eq!(methods.keys().collect::<Vec<_>>(), ["pull \"}", "push"]);
    }

    #[test]
    fn rates_are_per_second_and_survive_a_restart() {
        let rate = interval().rate("rpc_requests_total", &[("method", "push")]);
        assert!((rate - 10.0).abs() < 1e-9);
        let restarted =
            Interval { before: Samples::parse(AFTER), after: Samples::parse(BEFORE), seconds: 1.0 };
        assert!((restarted.rate("rpc_requests_total", &[("method", "push")]) - 10.0).abs() < 1e-9);
    }

    #[test]
    fn quantiles_are_of_the_interval_alone() {
        let median = interval().quantile("d", &[], 0.5).unwrap();
        assert!((median - 0.0055).abs() < 1e-9, "{median}");
        assert_eq!(interval().quantile("absent", &[], 0.5), None);
        let idle = Interval { before: Samples::parse(AFTER), after: Samples::parse(AFTER), seconds: 1.0 };
        assert_eq!(idle.quantile("d", &[], 0.99), None);
    }
}
