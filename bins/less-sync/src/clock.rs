//! Clock of the toolbox; the only place that reads the time.

use std::time::SystemTime;

use chrono::{Local, TimeZone as _};
use less_sync_core::Timestamp;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// Current time in UTC.
#[expect(clippy::disallowed_methods, reason = "clock of the toolbox")]
pub(crate) fn now() -> OffsetDateTime {
    SystemTime::now().into()
}

/// Formats a time as RFC 3339 with milliseconds: `2026-02-03T04:05:06.789Z`.
pub(crate) fn rfc3339(time: OffsetDateTime) -> String {
    let milliseconds = time.nanosecond() / 1_000_000 * 1_000_000;
    let time = time.replace_nanosecond(milliseconds).unwrap_or(time);
    time.format(&Rfc3339).unwrap_or_default()
}

/// Formats the time of day with milliseconds: `04:05:06.789`.
pub(crate) fn time_of_day(time: OffsetDateTime) -> String {
    let (hour, minute, second) = time.to_hms();
    format!("{hour:02}:{minute:02}:{second:02}.{:03}", time.millisecond())
}

/// Formats a time as local time of day: `06:05:06`.
pub(crate) fn local_time_of_day(time: OffsetDateTime) -> String {
    let local = Local.timestamp_opt(time.unix_timestamp(), 0).single();
    local.map(|local| local.format("%H:%M:%S").to_string()).unwrap_or_default()
}

/// Current time as a protocol timestamp.
pub(crate) fn timestamp() -> Timestamp {
    Timestamp::from_seconds(now().unix_timestamp())
}

/// Formats a protocol timestamp as RFC 3339; empty beyond the year 9999.
pub(crate) fn format_timestamp(timestamp: Timestamp) -> String {
    OffsetDateTime::from_unix_timestamp(timestamp.seconds()).map(rfc3339).unwrap_or_default()
}
