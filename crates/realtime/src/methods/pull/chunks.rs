//! Rows of one space in the order of the timeline, sent as fast as the client reads.
//!
//! A client that stalls costs what is queued for it: what was read beyond that is put back, and read again once the client has
//! taken the most of its queue (protocol §1.8).

use std::collections::VecDeque;

use less_sync_engine::Pull;
use less_sync_storage::{PullPosition, Row};

use super::encoding::{size_hint, write_row};
use super::large_record::LargeRecord;
use crate::methods::stream::{Stream, frames};
use crate::rpc_error::RpcError;

/// Size from which a group of frames ends, in bytes. A frame in the queue keeps the memory of its group.
const GROUP: usize = 128 * 1024;

/// The chunks of one space within one request.
pub(super) struct SpaceChunks<'a> {
    stream: Stream<'a>,
    space: &'a str,
}

/// Rest of a page. Cleared when its client stalls.
type Rows = VecDeque<Row>;

impl<'a> SpaceChunks<'a> {
    /// The chunks of the space with the id `space`, verbatim from the request.
    pub(super) fn new(stream: Stream<'a>, space: &'a str) -> Self {
        Self { stream, space }
    }

    /// Sends every row, and returns their number. The next page is read while the rest of the current one is in the reply
    /// queue, and not before a client that reads slowly has taken the most of it.
    pub(super) async fn rows(&self, pull: &mut Pull) -> Result<u64, RpcError> {
        let mut count = 0;
        while let Some(page) = pull.next_page().await? {
            count += self.page(pull, page.into()).await?;
            self.stream.room().await;
        }
        Ok(count)
    }

    /// Sends the rows of a page until the client stalls, and puts the others back. Returns the number of those sent.
    async fn page(&self, pull: &mut Pull, mut rows: Rows) -> Result<u64, RpcError> {
        let (mut count, mut last): (u64, Option<PullPosition>) = (0, None);
        while let Some(next) = rows.front() {
            if !self.stream.is_read().await {
                self.stream.context.connection().note_stall();
                pull.put_back(last);
                break;
            }
            if let Some(large) = LargeRecord::of(next) {
                last = Some(next.position());
                count += 1;
                rows.pop_front();
                if !large.send(self.stream, self.space, pull, &mut rows).await? {
                    pull.put_back(last);
                    break;
                }
            } else {
                let group = next_group(&mut rows);
                last = group.last().map(Row::position);
                count += group.len() as u64;
                self.send(group).await;
            }
        }
        Ok(count)
    }

    async fn send(&self, group: Vec<Row>) {
        let capacity = group.iter().map(size_hint).sum();
        let id = self.stream.id();
        let frames = frames(&group, capacity, |out, row| write_row(out, id, self.space, row));
        drop(group);
        self.stream.send(frames).await;
    }
}

/// Removes the rows of the next group, which has at least one.
fn next_group(rows: &mut Rows) -> Vec<Row> {
    let (mut group, mut size) = (Vec::new(), 0);
    while size < GROUP
        && let Some(row) = rows.pop_front_if(|row| LargeRecord::of(row).is_none())
    {
        size += size_hint(&row);
        group.push(row);
    }
    group
}
