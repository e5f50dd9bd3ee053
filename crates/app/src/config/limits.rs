//! Timers and limits of the WebSocket endpoint (protocol §11), and limits of the use cases (operations §2.4).

use std::ops::RangeInclusive;
use std::time::Duration;

use less_sync_core::limits as wire;
use less_sync_engine::EngineSettings;
use less_sync_realtime::Limits;

use super::memory;
use super::reader::Reader;

const MIB: usize = wire::MIB;

/// Limits of the WebSocket endpoint and of the use cases.
#[derive(Clone, Debug)]
pub struct LimitsConfig {
    /// Limits of the WebSocket endpoint (`WS_*`).
    pub realtime: Limits,
    /// Limits of the use cases (`MAX_*`, `RATE_LIMIT_*`).
    pub engine: EngineSettings,
}

impl LimitsConfig {
    pub(super) fn read(reader: &mut Reader<'_>) -> Self {
        let mut realtime = Limits::default();
        connection(reader, &mut realtime);
        queues(reader, &mut realtime);
        admission(reader, &mut realtime);
        rates(reader, &mut realtime);
        presence(reader, &mut realtime);
        let delay = realtime.invitation_notice_delay;
        realtime.invitation_notice_delay =
            reader.durations("WS_INVITATION_NOTICE_DELAY", delay, seconds(0..=600));
        shutdown(reader, &mut realtime);
        let outbound =
            reader.size("WS_MAX_OUTBOUND_MESSAGE", wire::OUTBOUND_RECORD, wire::OUTBOUND_FRAME..=64 * MIB);
        let engine = engine(reader, realtime.max_inbound_message.min(outbound));
        Self { realtime, engine }
    }

    /// Uses the leeway of the token rules for connections too; there is no setting of its own.
    pub(super) fn with_token_leeway(mut self, leeway: Duration) -> Self {
        self.realtime.token_leeway = leeway;
        self
    }

    /// Records the owners of spaces if `records_owners`: a quota counts them.
    pub(super) fn with_owners(mut self, records_owners: bool) -> Self {
        self.engine.records_owners = records_owners;
        self
    }
}

/// Range of whole seconds, both ends inclusive.
pub(super) fn seconds(range: RangeInclusive<u64>) -> RangeInclusive<Duration> {
    Duration::from_secs(*range.start())..=Duration::from_secs(*range.end())
}

fn connection(reader: &mut Reader<'_>, limits: &mut Limits) {
    let day = 86_400;
    limits.auth_timeout = reader.duration("WS_AUTH_TIMEOUT", limits.auth_timeout, seconds(1..=60));
    limits.auth_validation_timeout =
        reader.duration("WS_AUTH_VALIDATION_TIMEOUT", limits.auth_validation_timeout, seconds(1..=60));
    limits.keepalive_interval =
        reader.duration("WS_KEEPALIVE_INTERVAL", limits.keepalive_interval, seconds(5..=60));
    limits.idle_timeout = reader.duration("WS_IDLE_TIMEOUT", limits.idle_timeout, seconds(0..=day));
    if !limits.idle_timeout.is_zero() && limits.idle_timeout <= limits.keepalive_interval {
        reader.problem("WS_IDLE_TIMEOUT must be 0 or more than WS_KEEPALIVE_INTERVAL");
    }
    limits.write_timeout = reader.duration("WS_WRITE_TIMEOUT", limits.write_timeout, seconds(1..=600));
    limits.close_timeout = reader.duration("WS_CLOSE_TIMEOUT", limits.close_timeout, seconds(1..=60));
    limits.max_lifetime = reader.duration("WS_MAX_LIFETIME", limits.max_lifetime, seconds(60..=7 * day));
    limits.lifetime_jitter_percent =
        reader.count("WS_LIFETIME_JITTER", limits.lifetime_jitter_percent, 0..=50);
    limits.legacy_expiry_close = expiry_close_code(reader);
    limits.max_inbound_message =
        reader.size("WS_MAX_INBOUND_MESSAGE", limits.max_inbound_message, MIB..=64 * MIB);
}

/// Reads the close code at the end of the lifetime: 1001, or the legacy code 4001.
fn expiry_close_code(reader: &mut Reader<'_>) -> bool {
    const NAME: &str = "WS_EXPIRY_CLOSE_CODE";
    let text = reader.text(NAME).unwrap_or_else(|| "1001".to_owned());
    reader.show(NAME, &text);
    if !matches!(text.as_str(), "1001" | "4001") {
        reader.problem(format!("invalid {NAME} value \"{text}\": expected 1001 or 4001"));
    }
    text == "4001"
}

fn queues(reader: &mut Reader<'_>, limits: &mut Limits) {
    limits.reply_queue = reader.count("WS_REPLY_QUEUE", limits.reply_queue, 4..=4096);
    limits.event_queue = reader.count("WS_EVENT_QUEUE", limits.event_queue, 4..=65_536);
    limits.inbound_memory = inbound_memory(reader, limits.inbound_memory);
    if limits.inbound_memory < limits.max_inbound_message {
        reader.problem("WS_INBOUND_MEMORY must be at least WS_MAX_INBOUND_MESSAGE");
    }
    limits.ephemeral_queue = reader.count("WS_EPHEMERAL_QUEUE", limits.ephemeral_queue, 1..=65_536);
}

/// Reads the memory for inbound messages: by default a quarter of what the process has, at most `most`.
fn inbound_memory(reader: &mut Reader<'_>, most: usize) -> usize {
    let quarter = || memory::available().and_then(|bytes| usize::try_from(bytes / 4).ok());
    let set = reader.optional_size("WS_INBOUND_MEMORY", MIB..=1024 * 1024 * MIB);
    set.unwrap_or_else(|| quarter().map_or(most, |quarter| quarter.clamp(64 * MIB, most)))
}

fn admission(reader: &mut Reader<'_>, limits: &mut Limits) {
    let any = 1..=1_000_000;
    limits.max_connections_per_mailbox =
        reader.count("WS_MAX_CONNECTIONS_PER_MAILBOX", limits.max_connections_per_mailbox, any.clone());
    limits.max_connections_per_actor =
        reader.count("WS_MAX_CONNECTIONS_PER_ACTOR", limits.max_connections_per_actor, any.clone());
    limits.max_connections_total =
        reader.count("WS_MAX_CONNECTIONS_TOTAL", limits.max_connections_total, any.clone());
    limits.max_unauthenticated_per_address =
        reader.count("WS_MAX_UNAUTHENTICATED_PER_ADDRESS", limits.max_unauthenticated_per_address, any);
}

fn rates(reader: &mut Reader<'_>, limits: &mut Limits) {
    let any = 1..=1_000_000;
    limits.inbound_rate = reader.count("WS_INBOUND_RATE", limits.inbound_rate, any.clone());
    limits.inbound_burst = reader.count("WS_INBOUND_BURST", limits.inbound_burst, any.clone());
    limits.ephemeral_rate = reader.count("WS_EPHEMERAL_RATE", limits.ephemeral_rate, any.clone());
    limits.ephemeral_burst = reader.count("WS_EPHEMERAL_BURST", limits.ephemeral_burst, any);
}

fn presence(reader: &mut Reader<'_>, limits: &mut Limits) {
    limits.presence_max_data = reader.count("WS_PRESENCE_MAX_DATA", limits.presence_max_data, 1..=65_536);
    limits.presence_per_space = reader.count("WS_PRESENCE_PER_SPACE", limits.presence_per_space, 1..=10_000);
    limits.presence_stale = reader.duration("WS_PRESENCE_STALE", limits.presence_stale, seconds(1..=3600));
    limits.presence_sweep = reader.duration("WS_PRESENCE_SWEEP", limits.presence_sweep, seconds(1..=3600));
    limits.event_max_data = reader.count("WS_EVENT_MAX_DATA", limits.event_max_data, 1..=65_536);
}

fn shutdown(reader: &mut Reader<'_>, limits: &mut Limits) {
    limits.shutdown_drain = reader.duration("WS_SHUTDOWN_DRAIN", limits.shutdown_drain, seconds(0..=600));
    limits.shutdown_spread = reader.duration("WS_SHUTDOWN_SPREAD", limits.shutdown_spread, seconds(0..=600));
}

/// Reads the limits of the use cases. `max_message`: largest message that can carry a record in both directions, in bytes.
fn engine(reader: &mut Reader<'_>, max_message: usize) -> EngineSettings {
    let mut settings = EngineSettings::default();
    let limits = &mut settings.push_limits;
    limits.records = reader.count("MAX_PUSH_RECORDS", limits.records, 1..=1_000_000);
    limits.bytes = reader.size("MAX_PUSH_BYTES", limits.bytes, MIB..=4096 * MIB);
    limits.blob = reader.size("MAX_RECORD_BLOB_SIZE", limits.blob, 1..=64 * MIB);
    // A record that is accepted has to be sent whole to every client: leaving it out of a pull would be silent data loss.
    limits.blob = limits.blob.min(max_message - wire::INBOUND_HEADROOM);
    reader.show("MAX_RECORD_BLOB_SIZE", super::grammar::show_size(limits.blob as u64));
    settings.pull_concurrency = reader.count("MAX_CONCURRENT_PULLS", settings.pull_concurrency, 1..=1000);
    membership(reader, &mut settings);
    invitations(reader, &mut settings);
    settings.spaces_per_day =
        reader.count("RATE_LIMIT_SPACES_PER_DAY", settings.spaces_per_day, 1..=1_000_000);
    settings
}

fn membership(reader: &mut Reader<'_>, settings: &mut EngineSettings) {
    let limits = &mut settings.member_limits;
    // An entry has to fit one frame with its envelope, as a notification and in a response.
    limits.payload = reader.size("MAX_MEMBER_PAYLOAD", limits.payload, 1024..=3 * MIB);
    let log = reader.size("MEMBERSHIP_LOG_CAP", 64 * MIB, MIB..=4096 * MIB);
    limits.log = log as u64;
    let any = 1..=1_000_000;
    settings.appends_per_hour =
        reader.count("RATE_LIMIT_MEMBERSHIP_APPENDS_PER_HOUR", settings.appends_per_hour, any.clone());
    settings.appends_per_hour_admin =
        reader.count("RATE_LIMIT_MEMBERSHIP_APPENDS_PER_HOUR_ADMIN", settings.appends_per_hour_admin, any);
}

fn invitations(reader: &mut Reader<'_>, settings: &mut EngineSettings) {
    let any = 1..=1_000_000;
    // A page may exceed its budget by its last invitation, and has to fit one frame nevertheless.
    let payload = 1024..=wire::OUTBOUND_FRAME - wire::LIST_PAYLOAD - MIB / 8;
    settings.invitation_payload = reader.size("MAX_INVITATION_PAYLOAD", settings.invitation_payload, payload);
    let mailbox = &mut settings.mailbox_limits;
    mailbox.invitations = reader.count("MAX_INVITATIONS_PER_MAILBOX", mailbox.invitations, any.clone());
    mailbox.lifetime = reader.duration("WS_INVITATION_TTL", mailbox.lifetime, seconds(60..=365 * 86_400));
    settings.invitations_per_hour =
        reader.count("RATE_LIMIT_INVITATIONS_PER_HOUR", settings.invitations_per_hour, any);
}
