//! Position of a frame in its message: messages are one frame, but for large records (protocol §1.8).

/// Position of a frame in its message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MessagePart {
    /// The whole message.
    Whole,
    /// The first of several frames.
    First,
    /// A frame between the first and the last one.
    Middle,
    /// The last of several frames.
    Last,
}

impl MessagePart {
    /// True if other frames of the same message follow.
    pub(crate) fn is_continued(self) -> bool {
        matches!(self, Self::First | Self::Middle)
    }

    /// True for the frame that a message begins with.
    pub(crate) fn begins_message(self) -> bool {
        matches!(self, Self::Whole | Self::First)
    }
}
