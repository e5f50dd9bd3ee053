//! Quotas of a peer (federation §16.2, §22).

/// Quotas of a peer, unless the peers file has others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QuotaSettings {
    /// Maximum distinct spaces that are watched (`FEDERATION_MAX_SPACES`).
    pub spaces: u32,
    /// Maximum pushed records per hour (`FEDERATION_MAX_RECORDS_PER_HOUR`).
    pub records_per_hour: u32,
    /// Maximum pushed bytes per hour, of blobs and keys (`FEDERATION_MAX_BYTES_PER_HOUR`).
    pub bytes_per_hour: u64,
    /// Maximum invitations per hour (`FEDERATION_MAX_INVITATIONS_PER_HOUR`).
    pub invitations_per_hour: u32,
    /// Maximum requests per second, sustained; twice as many at once.
    pub requests_per_second: u32,
    /// Maximum notifications per second, sustained; twice as many at once.
    pub notifications_per_second: u32,
}

impl Default for QuotaSettings {
    fn default() -> Self {
        Self {
            spaces: 1000,
            records_per_hour: 10_000,
            bytes_per_hour: 524_288_000,
            invitations_per_hour: 100,
            requests_per_second: 200,
            notifications_per_second: 50,
        }
    }
}

/// Quotas of one peer in the peers file; `None`: that of the setting.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PeerQuotas {
    /// Maximum distinct spaces that are watched.
    pub max_spaces: Option<u32>,
    /// Maximum pushed records per hour.
    pub max_records_per_hour: Option<u32>,
    /// Maximum pushed bytes per hour.
    pub max_bytes_per_hour: Option<u64>,
    /// Maximum invitations per hour.
    pub max_invitations_per_hour: Option<u32>,
    /// Maximum requests per second.
    pub max_requests_per_second: Option<u32>,
}

impl PeerQuotas {
    /// Stated quotas, and `defaults` for the others.
    #[must_use]
    pub fn over(&self, defaults: &QuotaSettings) -> QuotaSettings {
        QuotaSettings {
            spaces: self.max_spaces.unwrap_or(defaults.spaces),
            records_per_hour: self.max_records_per_hour.unwrap_or(defaults.records_per_hour),
            bytes_per_hour: self.max_bytes_per_hour.unwrap_or(defaults.bytes_per_hour),
            invitations_per_hour: self.max_invitations_per_hour.unwrap_or(defaults.invitations_per_hour),
            requests_per_second: self.max_requests_per_second.unwrap_or(defaults.requests_per_second),
            ..*defaults
        }
    }
}
