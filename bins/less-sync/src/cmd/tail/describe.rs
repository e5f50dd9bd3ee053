//! Description of a frame: kind, ids, cursors and sizes, never content.

use less_sync_core::cbor::Decode;
use less_sync_core::frame::{self, Inbound, Params, Raw, ServerFrame};
use less_sync_core::wire::pull::{
    ChunkCount, PullBegin, PullCommit, PullFile, PullMembership, PullParams, PullRecord,
};
use less_sync_core::wire::push::{PushParams, PushResult};
use less_sync_core::wire::subscribe::{SubscribeParams, SubscribeResult, UnsubscribeParams};
use less_sync_core::wire::{chunk, event, method};

use crate::fields::Fields;

/// Adds the description of a message.
pub(super) fn describe(line: Fields, is_sent: bool, message: &[u8]) -> Fields {
    let described = if is_sent { sent(line, message) } else { received(line, message) };
    described.with("frame_bytes", message.len())
}

fn received(line: Fields, message: &[u8]) -> Fields {
    match frame::parse_server(message) {
        Ok(ServerFrame::Keepalive) => line.with("kind", "keepalive"),
        Ok(ServerFrame::Notification { method, params }) => {
            let line = line.with("kind", "notification").with("method", method);
            notification(line.clone(), method, params).unwrap_or_else(|| line.with("readable", false))
        }
        Ok(ServerFrame::Response { id, outcome: Ok(result) }) => {
            response(line.with("kind", "response").with("id", id), result)
        }
        Ok(ServerFrame::Response { id, outcome: Err(error) }) => {
            line.with("kind", "error").with("id", id).with("code", error.code).with("message", error.message)
        }
        Ok(ServerFrame::Chunk { id, name, data }) => {
            let line = line.with("kind", "chunk").with("id", id).with("name", name);
            chunk(line.clone(), name, data).unwrap_or_else(|| line.with("readable", false))
        }
        Ok(ServerFrame::Ignored) => line.with("kind", "unknown"),
        Err(_) => line.with("kind", "unreadable"),
    }
}

fn notification(line: Fields, name: &str, params: Raw<'_>) -> Option<Fields> {
    Some(match name {
        method::SYNC => sync(line, &read(params)?),
        method::MEMBERSHIP => {
            let grown: event::MembershipEvent<'_> = read(params)?;
            line.with("space", grown.space.to_string())
                .with("cursor", grown.cursor.get())
                .with("entries", grown.entries.len())
                .with("payload_bytes", grown.entries.iter().map(|entry| entry.payload.len()).sum::<usize>())
        }
        method::FILE => {
            let changed: event::FileEvent<'_> = read(params)?;
            line.with("space", changed.space.to_string())
                .with("cursor", changed.cursor.get())
                .with("files", changed.files.len())
                .with("deleted", changed.files.iter().filter(|file| file.deleted).count())
                .with("file_bytes", changed.files.iter().map(|file| file.size).sum::<u64>())
        }
        method::REVOKED => {
            let revoked: event::Revoked<'_> = read(params)?;
            line.with("space", revoked.space.to_string()).with("reason", revoked.reason)
        }
        method::RESUBSCRIBE => {
            let lost: event::Resubscribe = read(params)?;
            let spaces: Vec<String> = lost.spaces.iter().map(ToString::to_string).collect();
            line.with("spaces", spaces.join(","))
        }
        method::PRESENCE => {
            let said: event::Presence<'_> = read(params)?;
            line.with("space", said.space.to_string())
                .with("peer", said.peer)
                .with("payload_bytes", said.data.len())
        }
        method::PRESENCE_LEAVE => {
            let left: event::PresenceLeave<'_> = read(params)?;
            line.with("space", left.space.to_string()).with("peer", left.peer)
        }
        method::EVENT => {
            let said: event::EphemeralEvent<'_> = read(params)?;
            line.with("space", said.space.to_string())
                .with("peer", said.peer)
                .with("payload_bytes", said.data.len())
        }
        _ => line,
    })
}

fn sync(line: Fields, sync: &event::Sync<'_>) -> Fields {
    let payload: usize = sync.records.iter().filter_map(|record| record.blob).map(<[u8]>::len).sum();
    line.with("space", sync.space.to_string())
        .with("prev", sync.prev.get())
        .with("cursor", sync.cursor.get())
        .with("key_generation", sync.key_generation.get())
        .with_some("rewrap_epoch", sync.rewrap_epoch.map(less_sync_core::Epoch::get))
        .with("records", sync.records.len())
        .with("deleted", sync.records.iter().filter(|record| record.deleted).count())
        .with("payload_bytes", payload)
}

fn chunk(line: Fields, name: &str, data: Raw<'_>) -> Option<Fields> {
    Some(match name {
        chunk::PULL_BEGIN => {
            let begin: PullBegin<'_> = read(data)?;
            line.with("space", begin.space)
                .with("prev", begin.prev.get())
                .with("cursor", begin.cursor.get())
                .with("key_generation", begin.key_generation.get())
        }
        chunk::PULL_RECORD => {
            let row: PullRecord<'_> = read(data)?;
            line.with("space", row.space)
                .with("record", row.id.to_string())
                .with("cursor", row.cursor.get())
                .with_some("deleted", row.deleted.then_some(true))
                .with("payload_bytes", row.blob.map_or(0, <[u8]>::len))
        }
        chunk::PULL_MEMBERSHIP => {
            let grown: PullMembership<'_> = read(data)?;
            line.with("space", grown.space)
                .with("cursor", grown.cursor.get())
                .with("entries", grown.entries.len())
        }
        chunk::PULL_FILE => {
            let row: PullFile<'_> = read(data)?;
            line.with("space", row.space)
                .with("file", row.id.to_string())
                .with("cursor", row.cursor.get())
                .with_some("deleted", row.deleted.then_some(true))
                .with("file_bytes", row.size)
        }
        chunk::PULL_COMMIT => {
            let commit: PullCommit<'_> = read(data)?;
            line.with("space", commit.space)
                .with("prev", commit.prev.get())
                .with("cursor", commit.cursor.get())
                .with("rows", commit.count)
        }
        _ => line,
    })
}

/// Describes a response by its shape, because a response does not name its method.
fn response(line: Fields, result: Raw<'_>) -> Fields {
    if let Some(subscribed) = read::<SubscribeResult<'_>>(result) {
        let cursors: Vec<String> =
            subscribed.spaces.iter().map(|space| format!("{}@{}", space.id, space.cursor)).collect();
        let peers: usize = subscribed.spaces.iter().map(|space| space.peers.len()).sum();
        return line
            .with("spaces", cursors.join(","))
            .with("peers", peers)
            .with("rejected", subscribed.errors.len());
    }
    if let Some(pushed) = read::<PushResult<'_>>(result) {
        return line
            .with("ok", pushed.ok)
            .with("cursor", pushed.cursor.get())
            .with_some("error", pushed.error);
    }
    let count = read::<ChunkCount>(result).map(|count| count.chunks);
    line.with_some("chunks", count.filter(|chunks| *chunks > 0))
}

fn sent(line: Fields, message: &[u8]) -> Fields {
    match frame::parse(message) {
        Ok(Inbound::Keepalive) => line.with("kind", "keepalive"),
        Ok(Inbound::Request { id, method, params }) => {
            request(line.with("kind", "request").with("id", id).with("method", method), method, params)
        }
        Ok(Inbound::Notification { method, params }) => {
            request(line.with("kind", "notification").with("method", method), method, params)
        }
        Ok(Inbound::Ignored) => line.with("kind", "unknown"),
        Err(_) => line.with("kind", "unreadable"),
    }
}

fn request(line: Fields, name: &str, params: Params<'_>) -> Fields {
    let spaces = match name {
        method::SUBSCRIBE => read::<SubscribeParams<'_>>(params)
            .map(|params| params.spaces.iter().map(|entry| entry.id.to_owned()).collect()),
        method::PULL => read::<PullParams<'_>>(params).map(|params| {
            params.spaces.iter().map(|entry| format!("{}@{}", entry.id, entry.since)).collect()
        }),
        method::UNSUBSCRIBE => read::<UnsubscribeParams<'_>>(params)
            .map(|params| params.spaces.into_iter().map(str::to_owned).collect()),
        method::PUSH => return pushed(line, params),
        _ => None::<Vec<String>>,
    };
    line.with_some("spaces", spaces.map(|spaces| spaces.join(",")))
}

fn pushed(line: Fields, params: Params<'_>) -> Fields {
    let Some(push) = read::<PushParams<'_>>(params) else { return line };
    let payload: usize = push.changes.iter().filter_map(|change| change.blob).map(<[u8]>::len).sum();
    line.with("space", push.space).with("records", push.changes.len()).with("payload_bytes", payload)
}

fn read<'b, T: Decode<'b>>(raw: Raw<'b>) -> Option<T> {
    raw.decode().ok()
}

#[cfg(test)]
mod tests {
    use less_sync_core::wire::event::{RecordEntry, Sync};
    use less_sync_core::wire::push::{ChangeParams, PushParams};
    use less_sync_core::wire::{DekField, Empty};
    use less_sync_core::{Cursor, Epoch, ErrorCode, RecordId, SpaceId, frame};
    use pretty_assertions::assert_eq;

    use super::describe;
    use crate::fields::Fields;

    const SPACE: SpaceId = SpaceId::from_bytes([1; 16]);

    #[test]
    fn sync_is_described_by_its_cursors_and_sizes() {
        let cursor = Cursor::new(7).unwrap();
        let entry =
            |blob| RecordEntry { id: RecordId::from_bytes([2; 16]), blob, cursor, dek: None, deleted: false };
        let sync = Sync {
            space: SPACE,
            prev: Cursor::new(6).unwrap(),
            cursor,
            key_generation: Epoch::FIRST,
            rewrap_epoch: None,
            records: vec![entry(Some(b"secret")), RecordEntry { deleted: true, ..entry(None) }],
        };
        let message = frame::notification("sync", &sync);
        let text = describe(Fields::new(), false, &message).to_text();
        assert_eq!(
            text,
            format!(
                "kind=notification method=sync space={SPACE} prev=6 cursor=7 key_generation=1 records=2 deleted=1 \
                 payload_bytes=6 frame_bytes={}",
                message.len()
            )
        );
    }

    #[test]
    fn payload_is_never_shown_in_either_direction() {
        let space = SPACE.to_string();
        let change = ChangeParams {
            id: "11111111-1111-1111-1111-111111111111",
            blob: Some(b"secret"),
            expected_cursor: 0,
            dek: DekField::Absent,
        };
        let params = PushParams {
            space: &space,
            ucan: Some("secret"),
            epoch: None,
            home_server: None,
            changes: vec![change],
        };
        let text = describe(Fields::new(), true, &frame::request("1", "push", &params)).to_text();
        assert!(text.contains("method=push") && text.contains("payload_bytes=6"), "{text}");
        assert!(!text.contains("secret"), "{text}");
    }

    #[test]
    fn errors_keepalives_and_unreadable_frames_are_distinguished() {
        for (message, expected) in [
            (
                frame::error("3", ErrorCode::Forbidden, "forbidden"),
                "kind=error id=3 code=forbidden message=forbidden",
            ),
            (frame::KEEPALIVE.into(), "kind=keepalive"),
            (vec![0xff].into(), "kind=unreadable"),
            (frame::notification("novelty", &Empty), "kind=notification method=novelty"),
            (frame::notification("sync", &Empty), "kind=notification method=sync readable=false"),
        ] {
            let expected = format!("{expected} frame_bytes={}", message.len());
            assert_eq!(describe(Fields::new(), false, &message).to_text(), expected);
        }
    }
}
