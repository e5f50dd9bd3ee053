//! Report: all findings, as text or as JSON.

use serde_json::{Value, json};

use crate::finding::{Finding, Verdict};

/// Width of the column with the names of the checks.
const NAMES: usize = 14;

/// Findings in the order of the checks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    findings: Vec<Finding>,
}

impl Report {
    /// Appends a finding.
    pub fn add(&mut self, finding: Finding) {
        self.findings.push(finding);
    }

    /// All findings.
    #[must_use]
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// Returns whether a check failed; then the exit code is 1.
    #[must_use]
    pub fn has_failures(&self) -> bool {
        self.count(Verdict::Fail) > 0
    }

    fn count(&self, verdict: Verdict) -> usize {
        self.findings.iter().filter(|finding| finding.verdict == verdict).count()
    }

    /// Text for people: a line per finding, its advice indented below it, and a summary.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut lines = Vec::new();
        for Finding { check, verdict, seen, advice } in &self.findings {
            lines.push(format!("{:<5} {check:<NAMES$} {seen}", verdict.as_str()));
            lines.extend(advice.iter().map(|advice| format!("      {:<NAMES$} -> {advice}", "")));
        }
        let [ok, warnings, failures, skipped] =
            [Verdict::Ok, Verdict::Warn, Verdict::Fail, Verdict::Skip].map(|verdict| self.count(verdict));
        lines.push(format!("{ok} ok, {warnings} warnings, {failures} failures, {skipped} skipped"));
        lines.join("\n")
    }

    /// JSON: an object with the list of findings and whether the deployment is sound.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let findings: Vec<_> = self
            .findings
            .iter()
            .map(|Finding { check, verdict, seen, advice }| {
                json!({ "check": check, "verdict": verdict.as_str(), "seen": seen, "advice": advice })
            })
            .collect();
        json!({ "sound": !self.has_failures(), "findings": findings })
    }
}

#[cfg(test)]
mod tests {
    use pretty_assertions::assert_eq;

    use super::*;

    fn report(findings: impl IntoIterator<Item = Finding>) -> Report {
        Report { findings: findings.into_iter().collect() }
    }

    #[test]
    fn text_has_a_line_per_finding_with_its_advice_below() {
        let report = report([
            Finding::ok("dns", "192.0.2.1"),
            Finding::fail("tls", "expired", "renew it"),
            Finding::skip("idle", "no token", "give --token"),
        ]);
        let expected = "\
            ok    dns            192.0.2.1\n\
            fail  tls            expired\n      \
            \x20              -> renew it\n\
            skip  idle           no token\n      \
            \x20              -> give --token\n\
            1 ok, 0 warnings, 1 failures, 1 skipped";
        assert_eq!(report.to_text(), expected);
    }

    #[test]
    fn only_failures_make_a_deployment_unsound() {
        let warned = report([Finding::warn("clock", "2 s", "use NTP"), Finding::skip("idle", "a", "b")]);
        assert_eq!(warned.to_json()["sound"], true);
        let failed = report([Finding::fail("clock", "2 h", "use NTP")]);
        assert_eq!(failed.to_json()["sound"], false);
        assert_eq!(
            failed.to_json()["findings"][0],
            json!({ "check": "clock", "verdict": "fail", "seen": "2 h", "advice": "use NTP" })
        );
    }
}
