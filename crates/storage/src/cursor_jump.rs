//! Restore jump: raises all cursors of a restored database above those that clients may hold (operations §12).
//!
//! The rules that both adapters share: range and room of a jump, and the record of its progress in `server_settings`,
//! from which an interrupted run continues.

use std::fmt;
use std::str::FromStr;

use less_sync_core::{Cursor, OutOfRange, SpaceId};

/// Name of the row of `server_settings` that records the progress of a jump.
pub const JUMP_SETTING: &str = "restore_jump";

/// Spaces of one transaction of a jump.
pub const JUMP_BATCH: usize = 100;

/// Number that is added to cursors: 1 to 2^53 − 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CursorJump(u64);

impl CursorJump {
    /// 2^32: more mutations than a space commits between a backup and the loss of its database.
    pub const DEFAULT: Self = Self(1 << 32);

    /// Checks the range and wraps the number.
    ///
    /// # Errors
    /// [`OutOfRange`] for 0 and for numbers above [`Cursor::MAX`].
    pub const fn new(number: u64) -> Result<Self, OutOfRange> {
        if number >= 1 && number <= Cursor::MAX.get() { Ok(Self(number)) } else { Err(OutOfRange) }
    }

    /// Numeric value as a signed integer, the form in databases.
    #[must_use]
    pub const fn as_i64(self) -> i64 {
        self.0.cast_signed()
    }

    /// Checks that a database whose highest cursor is `highest` has room for the jump.
    ///
    /// # Errors
    /// [`JumpRejection::NoRoom`].
    pub const fn check_room(self, highest: Cursor) -> Result<(), JumpRejection> {
        if self.0 > Cursor::MAX.get() - highest.get() {
            return Err(JumpRejection::NoRoom { jump: self, highest });
        }
        Ok(())
    }
}

impl FromStr for CursorJump {
    type Err = OutOfRange;

    fn from_str(text: &str) -> Result<Self, OutOfRange> {
        Self::new(text.parse().map_err(|_not_a_number| OutOfRange)?)
    }
}

impl fmt::Display for CursorJump {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Options of a jump.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct JumpRequest {
    /// Number to add. `None`: that of the interrupted run, else [`CursorJump::DEFAULT`].
    pub jump: Option<CursorJump>,
    /// Jumps once more although a complete jump is recorded.
    pub again: bool,
}

/// Progress of a jump.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JumpProgress {
    /// Number that is added.
    pub jump: CursorJump,
    /// Spaces changed so far, in all runs.
    pub spaces: u64,
    /// Rows of records, members and files changed so far, in all runs.
    pub rows: u64,
    /// Position in the spaces, which are changed in ascending order of their ids.
    pub position: JumpPosition,
}

/// Position of a jump.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JumpPosition {
    /// No space is changed yet.
    Start,
    /// Spaces up to this id are changed.
    After(SpaceId),
    /// All spaces are changed.
    Complete,
}

/// Outcome of a jump.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JumpOutcome {
    /// The jump is complete.
    Jumped(JumpProgress),
    /// An earlier run completed the jump and no server has run since; nothing was changed.
    AlreadyComplete(JumpProgress),
}

/// Reason for which a jump is rejected. Nothing was changed by this run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JumpRejection {
    /// Cursors would exceed the maximum.
    #[error("no room for a jump of {jump}: the highest cursor is {highest}, the maximum {}", Cursor::MAX)]
    NoRoom {
        /// Requested number.
        jump: CursorJump,
        /// Highest cursor of a space that is not changed yet.
        highest: Cursor,
    },
    /// An interrupted run added another number.
    #[error("an interrupted run adds {begun} to the cursors: complete it first, without --jump")]
    OtherJump {
        /// Number of the interrupted run.
        begun: CursorJump,
    },
    /// The record of an interrupted run is unreadable.
    #[error("setting {JUMP_SETTING} of the database is malformed")]
    Malformed,
}

impl JumpRequest {
    /// Continues from the recorded progress, or starts. Returns the progress of a complete jump if there is nothing to do.
    ///
    /// # Errors
    /// [`JumpRejection::OtherJump`], [`JumpRejection::Malformed`].
    pub fn begin(self, recorded: Option<&str>) -> Result<JumpProgress, JumpRejection> {
        let fresh = JumpProgress {
            jump: self.jump.unwrap_or(CursorJump::DEFAULT),
            spaces: 0,
            rows: 0,
            position: JumpPosition::Start,
        };
        let Some(recorded) = recorded else { return Ok(fresh) };
        let recorded: JumpProgress = recorded.parse()?;
        match self.jump {
            _ if recorded.is_complete() => Ok(if self.again { fresh } else { recorded }),
            Some(jump) if jump != recorded.jump => Err(JumpRejection::OtherJump { begun: recorded.jump }),
            _ => Ok(recorded),
        }
    }
}

impl JumpProgress {
    /// True if all spaces are changed.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.position == JumpPosition::Complete
    }

    /// The last space that is changed; `None` at the start.
    #[must_use]
    pub fn last(&self) -> Option<SpaceId> {
        match self.position {
            JumpPosition::After(space) => Some(space),
            JumpPosition::Start | JumpPosition::Complete => None,
        }
    }
}

impl fmt::Display for JumpProgress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { jump, spaces, rows, position } = self;
        write!(f, "jump={jump} spaces={spaces} rows={rows} position=")?;
        match position {
            JumpPosition::Start => f.write_str("start"),
            JumpPosition::After(space) => space.fmt(f),
            JumpPosition::Complete => f.write_str("complete"),
        }
    }
}

impl FromStr for JumpProgress {
    type Err = JumpRejection;

    fn from_str(text: &str) -> Result<Self, JumpRejection> {
        parse(text).ok_or(JumpRejection::Malformed)
    }
}

fn parse(text: &str) -> Option<JumpProgress> {
    let mut fields = text.split(' ');
    let mut field = |name: &str| fields.next()?.strip_prefix(name)?.strip_prefix('=');
    let jump = field("jump")?.parse().ok()?;
    let spaces = field("spaces")?.parse().ok()?;
    let rows = field("rows")?.parse().ok()?;
    let position = match field("position")? {
        "start" => JumpPosition::Start,
        "complete" => JumpPosition::Complete,
        space => JumpPosition::After(space.parse().ok()?),
    };
    Some(JumpProgress { jump, spaces, rows, position })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPACE: SpaceId = SpaceId::from_bytes([7; 16]);

    fn progress(position: JumpPosition) -> JumpProgress {
        JumpProgress { jump: CursorJump::new(9).unwrap(), spaces: 2, rows: 30, position }
    }

    #[test]
    fn recorded_progress_is_read_back() {
        for position in [JumpPosition::Start, JumpPosition::After(SPACE), JumpPosition::Complete] {
            let progress = progress(position);
            assert_eq!(progress.to_string().parse(), Ok(progress));
        }
        for bad in ["", "jump=0 spaces=1 rows=1 position=start", "jump=1 spaces=1 rows=1 position=x"] {
            assert_eq!(bad.parse::<JumpProgress>(), Err(JumpRejection::Malformed), "{bad}");
        }
    }

    #[test]
    fn interrupted_run_is_continued_with_its_own_jump() {
        let begun = progress(JumpPosition::After(SPACE));
        let text = begun.to_string();
        assert_eq!(JumpRequest::default().begin(Some(&text)), Ok(begun));
        let other = JumpRequest { jump: Some(CursorJump::DEFAULT), again: false };
        assert_eq!(other.begin(Some(&text)), Err(JumpRejection::OtherJump { begun: begun.jump }));
    }

    #[test]
    fn complete_jump_is_repeated_on_request_only() {
        let done = progress(JumpPosition::Complete);
        let text = done.to_string();
        assert_eq!(JumpRequest::default().begin(Some(&text)), Ok(done));
        let again = JumpRequest { again: true, ..JumpRequest::default() }.begin(Some(&text)).unwrap();
        assert_eq!((again.jump, again.position), (CursorJump::DEFAULT, JumpPosition::Start));
    }

    #[test]
    fn room_ends_at_the_highest_cursor() {
        let jump = CursorJump::new(Cursor::MAX.get() - 5).unwrap();
        assert_eq!(jump.check_room(Cursor::new(5).unwrap()), Ok(()));
        assert!(jump.check_room(Cursor::new(6).unwrap()).is_err());
        assert!(CursorJump::new(0).is_err() && CursorJump::new(1 << 53).is_err());
    }
}
