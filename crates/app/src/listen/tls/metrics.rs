//! Metrics of TLS (operations §7.2).

use less_sync_metrics::{Counter, Gauge, Registry};

/// Handshakes, reloads, and the end of the certificate.
#[derive(Debug, Default)]
pub(super) struct TlsMetrics {
    handshakes_ok: Counter,
    handshakes_failed: Counter,
    reloads_ok: Counter,
    reloads_failed: Counter,
    expiry: Gauge,
}

impl TlsMetrics {
    pub(super) fn shook_hands(&self, is_ok: bool) {
        if is_ok { &self.handshakes_ok } else { &self.handshakes_failed }.inc();
    }

    pub(super) fn reloaded(&self, is_ok: bool) {
        if is_ok { &self.reloads_ok } else { &self.reloads_failed }.inc();
    }

    pub(super) fn loaded(&self, not_after: Option<i64>) {
        self.expiry.set(not_after.unwrap_or_default());
    }

    pub(super) fn register(&self, registry: &mut Registry) {
        let outcomes = |ok: &Counter, failed: &Counter| [(["ok"], ok.clone()), (["failed"], failed.clone())];
        let help = "TLS handshakes of clients";
        let handshakes = outcomes(&self.handshakes_ok, &self.handshakes_failed);
        registry.family("tls_handshakes_total", help, ["outcome"], handshakes);
        let help = "reloads of changed certificate files, and attempts that kept the previous ones";
        let reloads = outcomes(&self.reloads_ok, &self.reloads_failed);
        registry.family("tls_certificate_reloads_total", help, ["outcome"], reloads);
        let help = "Unix time at which the certificate of the listener ends; 0 without TLS";
        registry.register("tls_certificate_expiry_seconds", help, self.expiry.clone());
    }
}
