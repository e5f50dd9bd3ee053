//! Reader of the exposition that the registry renders: families with their samples.

use std::collections::BTreeMap;

use less_sync_metrics::{Definition, Kind, Registry};

/// Samples of one metric.
#[derive(Debug, PartialEq)]
pub(super) struct Family {
    pub(super) name: &'static str,
    pub(super) help: &'static str,
    pub(super) unit: &'static str,
    pub(super) points: Points,
}

/// Label names and values of a series.
pub(super) type Labels = Vec<(String, String)>;

/// Values by series.
#[derive(Debug, PartialEq)]
pub(super) enum Points {
    Sums(Vec<(Labels, f64)>),
    Gauges(Vec<(Labels, f64)>),
    Histograms(Vec<(Labels, Distribution)>),
}

/// Counts of a histogram, cumulative no more.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Distribution {
    /// Upper bounds, inclusive; the last bucket has none.
    pub(super) bounds: Vec<f64>,
    pub(super) counts: Vec<u64>,
    pub(super) sum: f64,
    pub(super) count: u64,
}

/// Current samples of all metrics of the registry.
pub(super) fn read(registry: &Registry) -> Vec<Family> {
    let text = registry.render();
    let mut samples = BTreeMap::<&str, Vec<(Labels, f64)>>::new();
    for (name, labels, value) in text.lines().filter_map(sample) {
        samples.entry(name).or_default().push((labels, value));
    }
    registry.definitions().iter().filter_map(|definition| family(definition, &mut samples)).collect()
}

fn family(definition: &Definition, samples: &mut BTreeMap<&str, Vec<(Labels, f64)>>) -> Option<Family> {
    let Definition { name, kind, unit, help, .. } = definition;
    let points = match kind {
        Kind::Counter => Points::Sums(samples.remove(name)?),
        Kind::Gauge => Points::Gauges(samples.remove(name)?),
        Kind::Histogram => Points::Histograms(distributions(name, samples)?),
    };
    let unit = match *unit {
        Some("seconds") => "s",
        Some("bytes") => "By",
        Some(_) | None => "",
    };
    Some(Family { name, help, unit, points })
}

fn distributions(
    name: &str,
    samples: &mut BTreeMap<&str, Vec<(Labels, f64)>>,
) -> Option<Vec<(Labels, Distribution)>> {
    let mut of = |suffix: &str| samples.remove(format!("{name}{suffix}").as_str());
    let (buckets, sums, counts) = (of("_bucket")?, of("_sum")?, of("_count")?);
    let mut series = BTreeMap::<Labels, Distribution>::new();
    for (mut labels, value) in buckets {
        let bound = labels.iter().position(|(label, _)| label == "le")?;
        let (_, bound) = labels.remove(bound);
        let distribution = series.entry(labels).or_default();
        let below: u64 = distribution.counts.iter().sum();
        distribution.counts.push(whole(value).saturating_sub(below));
        distribution.bounds.extend(bound.parse::<f64>().ok().filter(|bound| bound.is_finite()));
    }
    for (labels, value) in sums {
        series.entry(labels).or_default().sum = value;
    }
    for (labels, value) in counts {
        series.entry(labels).or_default().count = whole(value);
    }
    Some(series.into_iter().collect())
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "counts are whole numbers")]
fn whole(value: f64) -> u64 {
    value as u64
}

/// Name, labels and value of a line; `None` for a comment. No value of a label contains a quotation mark: none is text of a
/// client.
fn sample(line: &str) -> Option<(&str, Labels, f64)> {
    if line.starts_with('#') {
        return None;
    }
    let (series, value) = line.rsplit_once(' ')?;
    let (name, labels) = series.split_once('{').unwrap_or((series, ""));
    let labels = labels.trim_end_matches('}').split("\",").filter_map(|label| {
        let (name, value) = label.split_once("=\"")?;
        Some((name.to_owned(), value.trim_end_matches('"').to_owned()))
    });
    Some((name, labels.collect(), value.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use less_sync_metrics::{Counter, Gauge, Histogram};

    use super::*;

    #[test]
    fn every_kind_of_metric_is_read() {
        let mut registry = Registry::default();
        let (ok, open, waits) =
            (Counter::<u64>::default(), Gauge::<i64>::default(), Histogram::of_durations());
        ok.inc_by(3);
        open.set(7);
        waits.observe(Duration::from_millis(1));
        waits.observe(Duration::from_secs(60));
        registry.family("logins_total", "logins", ["outcome", "kind"], [(["ok", "a,b"], ok)]);
        registry.register("open", "open ones", open);
        registry.register("wait_seconds", "waits", waits);
        let families = read(&registry);
        let label = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let labels = vec![label("outcome", "ok"), label("kind", "a,b")];
        assert_eq!(families[0].points, Points::Sums(vec![(labels, 3.0)]));
        assert_eq!((families[1].name, &families[1].points), ("open", &Points::Gauges(vec![(vec![], 7.0)])));
        let Points::Histograms(series) = &families[2].points else { panic!("{families:?}") };
        let (_, distribution) = &series[0];
        assert_eq!((distribution.count, distribution.sum, families[2].unit), (2, 60.001, "s"));
        assert_eq!((distribution.bounds.len(), distribution.counts.len()), (14, 15));
        assert_eq!((distribution.counts[0], distribution.counts[14]), (1, 1));
        assert_eq!(distribution.counts.iter().sum::<u64>(), 2);
    }
}
