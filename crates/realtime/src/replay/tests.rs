use less_sync_core::frame::{self, ServerFrame};
use less_sync_core::{ChainSeq, Dek, Epoch, FileId, RecordId, SpaceId};
use less_sync_storage::{FileEntry as StoredFile, FileState, MemberEntry, Record, RecordState, SpaceKind};

use super::*;

fn cursor(number: u64) -> Cursor {
    Cursor::new(number).unwrap()
}

fn space() -> Space {
    Space {
        id: SpaceId::from_bytes([1; 16]),
        client_id: String::new(),
        kind: SpaceKind::Personal,
        cursor: cursor(9),
        key_generation: Epoch::new(3).unwrap(),
        min_key_generation: Epoch::FIRST,
        rewrap_epoch: Some(Epoch::new(3).unwrap()),
        home_server: None,
    }
}

fn record(id: u8, at: u64) -> Row {
    let state = RecordState::Live { blob: Bytes::from_static(b"blob"), dek: None };
    Row::Record(Record { id: RecordId::from_bytes([id; 16]), cursor: cursor(at), state })
}

fn tombstone(id: u8, at: u64) -> Row {
    let state = RecordState::Tombstone;
    Row::Record(Record { id: RecordId::from_bytes([id; 16]), cursor: cursor(at), state })
}

fn member(chain_seq: i32, at: u64) -> Row {
    let payload = Bytes::from_static(b"entry");
    let chain_seq = ChainSeq::new(chain_seq).unwrap();
    Row::Member(MemberEntry { chain_seq, cursor: cursor(at), prev_hash: None, entry_hash: [5; 32], payload })
}

fn stored_file(id: u8, at: u64, state: FileState) -> Row {
    let record = RecordId::from_bytes([1; 16]);
    Row::File(StoredFile { id: FileId::from_bytes([id; 16]), record, cursor: cursor(at), state })
}

/// Content of a frame in one line.
fn described(message: &Bytes) -> String {
    let ServerFrame::Notification { method, params } = frame::parse_server(message).unwrap() else {
        panic!("no notification")
    };
    match method {
        method::SYNC => {
            let Sync { space, prev, cursor, key_generation, rewrap_epoch, records } =
                params.decode().unwrap();
            assert_eq!(space, SpaceId::from_bytes([1; 16]));
            assert_eq!((key_generation.get(), rewrap_epoch.map(Epoch::get)), (3, Some(3)));
            let mark = |record: &RecordEntry<'_>| {
                assert_eq!(record.cursor, cursor);
                format!("{}{}", if record.deleted { "-" } else { "+" }, record.id.as_bytes()[0])
            };
            let records = records.iter().map(mark).collect::<Vec<_>>().join(" ");
            format!("sync {prev}→{cursor}: {records}")
        }
        method::MEMBERSHIP => {
            let MembershipEvent { cursor, entries, .. } = params.decode().unwrap();
            format!("membership {cursor}: {}", entries[0].chain_seq)
        }
        method::FILE => {
            let FileEvent { cursor, files, .. } = params.decode().unwrap();
            let mark = |file: &FileEntry<'_>| {
                let sign = if file.deleted { '-' } else { '+' };
                format!("{sign}{} of {} bytes", file.id.as_bytes()[0], file.size)
            };
            format!("file {cursor}: {}", files.iter().map(mark).collect::<Vec<_>>().join(" "))
        }
        other => panic!("{other}"),
    }
}

fn replayed(since: u64, rows: &[Row]) -> Vec<String> {
    frames(&space(), cursor(since), rows).iter().map(|(_, frame)| described(frame)).collect()
}

#[test]
fn rows_of_one_cursor_are_one_event_and_each_sync_continues_the_last_event() {
    let rows = [record(1, 3), tombstone(2, 3), record(3, 5), record(4, 9)];
    assert_eq!(replayed(2, &rows), ["sync 2→3: +1 -2", "sync 3→5: +3", "sync 5→9: +4"]);
}

#[test]
fn entries_and_files_are_sent_in_cursor_order() {
    let live = FileState::Live { size: 12, dek: Dek::try_from(&[0; 44][..]).unwrap() };
    let rows = [
        member(1, 3),
        record(1, 4),
        stored_file(7, 4, FileState::Tombstone),
        stored_file(8, 4, FileState::Tombstone),
        member(2, 5),
        member(3, 6),
        stored_file(9, 7, live),
        record(2, 8),
    ];
    assert_eq!(
        replayed(2, &rows),
        [
            "membership 3: 1",
            "sync 2→4: +1",
            "file 4: -7 of 0 bytes -8 of 0 bytes",
            "membership 5: 2",
            "membership 6: 3",
            "file 7: +9 of 12 bytes",
            "sync 7→8: +2",
        ]
    );
}

#[test]
fn no_missed_rows_are_no_events() {
    assert_eq!(replayed(9, &[]), Vec::<String>::new());
}

/// Own events of the node that wait for those that are read.
#[test]
fn notifications_continue_from_events_that_wait_between_them() {
    let at = |from: u64, to: u64| (cursor(from), cursor(to));
    let among = |waiting: &[(Cursor, Cursor)], rows: &[Row]| {
        frames_among((&space()).into(), cursor(2), waiting, rows)
            .iter()
            .map(|(_, frame)| described(frame))
            .collect::<Vec<_>>()
    };
    // The rows of 4 were written again at 9.
    let (rows, waiting) = ([record(1, 3), record(3, 5), record(4, 9)], [at(3, 4)]);
    assert_eq!(among(&waiting, &rows), ["sync 2→3: +1", "sync 4→5: +3", "sync 5→9: +4"]);
    // Covered by the waiting one.
    let rows = [record(1, 3), record(2, 4), record(3, 5)];
    assert_eq!(among(&waiting, &rows), ["sync 2→3: +1", "sync 4→5: +3"]);
    // An event that waits for a change without rows goes out after the next notification.
    assert_eq!(among(&[at(4, 5)], &[record(1, 6)]), ["sync 2→6: +1"]);
}
