//! Scan of a message: one walk that checks everything that needs no types.

use super::error::Malformed;
use super::head::{Head, Input};
use crate::limits;

/// Maximum number of keys that are compared pairwise; more are sorted.
const PAIRWISE_KEYS: usize = 12;

/// Item that is well-formed within the profile.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scanned<'b> {
    /// Bytes of the item, exactly.
    pub(crate) item: &'b [u8],
    /// True when some map in the item has a duplicate key.
    pub(crate) has_duplicates: bool,
}

/// Non-recursive walk over items.
///
/// O(n log n) time and O(n) memory in the bytes present, with small factors, whatever lengths they
/// declare: eight bytes per key of the maps that are open at a time.
#[derive(Debug)]
pub(crate) struct Scanner<'b> {
    message: &'b [u8],
    input: Input<'b>,
    levels: Vec<Level>,
    depth_limit: usize,
    keys: Vec<Key>,
    has_duplicates: bool,
}

/// Array, map or tag whose end has not been reached.
#[derive(Clone, Copy, Debug)]
struct Level {
    /// Items or entries to come; `None`: up to the break.
    remaining: Option<u64>,
    /// Start of the keys of this map in [`Scanner::keys`]; `None`: not a map.
    first_key: Option<usize>,
}

/// Byte range of a key's text in the message.
#[derive(Clone, Copy, Debug)]
struct Key {
    start: u32,
    length: u32,
}

impl<'b> Scanner<'b> {
    /// Creates a scanner at the start of `message`.
    pub(crate) fn new(message: &'b [u8]) -> Self {
        Self {
            message,
            input: Input::new(message),
            levels: Vec::new(),
            depth_limit: limits::CBOR_DEPTH,
            keys: Vec::new(),
            has_duplicates: false,
        }
    }

    /// Scans a message that is one map, and passes every key with its scanned value to `entry`.
    ///
    /// A duplicate among these keys is malformed; below them `entry` decides.
    pub(crate) fn message_map(
        mut self,
        mut entry: impl FnMut(&'b str, Scanned<'b>) -> Result<(), Malformed>,
    ) -> Result<(), Malformed> {
        let Head::Map(length) = self.input.head()? else { return Err(Malformed) };
        self.depth_limit -= 1;
        let mut level = Level { remaining: length, first_key: Some(0) };
        while self.enters(&mut level)? {
            let key = self.key()?;
            let value = self.item()?;
            entry(key, value)?;
        }
        if self.repeats_key(0) || !self.input.rest().is_empty() { Err(Malformed) } else { Ok(()) }
    }

    /// Scans the next item.
    pub(crate) fn item(&mut self) -> Result<Scanned<'b>, Malformed> {
        let before = self.input.rest();
        self.has_duplicates = false;
        self.begin()?;
        while let Some(mut level) = self.levels.pop() {
            if self.enters(&mut level)? {
                self.levels.push(level);
                if level.first_key.is_some() {
                    self.key()?;
                }
                self.begin()?;
            } else if let Some(first) = level.first_key {
                self.has_duplicates |= self.repeats_key(first);
                self.keys.truncate(first);
            }
        }
        let length = before.len() - self.input.rest().len();
        let item = before.get(..length).ok_or(Malformed)?;
        Ok(Scanned { item, has_duplicates: self.has_duplicates })
    }

    /// Bytes behind the last scanned item.
    pub(crate) fn rest(&self) -> &'b [u8] {
        self.input.rest()
    }

    /// Consumes a leaf, or the head of a container, which becomes the innermost level.
    fn begin(&mut self) -> Result<(), Malformed> {
        let (remaining, is_map) = match self.input.head()? {
            Head::Unsigned(_) | Head::Negative(_) | Head::Simple(_) | Head::Float => return Ok(()),
            Head::Bytes(length) => return self.input.take(length).map(|_| ()),
            Head::Text(length) => return self.text(length).map(|_| ()),
            Head::Break => return Err(Malformed),
            Head::Array(length) => (length, false),
            Head::Map(length) => (length, true),
            Head::Tag => (Some(1), false),
        };
        if self.levels.len() >= self.depth_limit {
            return Err(Malformed);
        }
        self.levels.push(Level { remaining, first_key: is_map.then_some(self.keys.len()) });
        Ok(())
    }

    /// Returns true when another item or entry of `level` follows, and counts it.
    fn enters(&mut self, level: &mut Level) -> Result<bool, Malformed> {
        match &mut level.remaining {
            Some(0) => Ok(false),
            Some(remaining) => {
                *remaining -= 1;
                Ok(true)
            }
            None if self.input.peek() == Some(0xff) => self.input.head().map(|_| false),
            None => Ok(true),
        }
    }

    fn key(&mut self) -> Result<&'b str, Malformed> {
        let Head::Text(length) = self.input.head()? else { return Err(Malformed) };
        let start = self.message.len() - self.input.rest().len();
        let text = self.text(length)?;
        // A single repetition is sufficient; later names need no memory.
        if !self.has_duplicates {
            let start = u32::try_from(start).map_err(|_| Malformed)?;
            let length = u32::try_from(length).map_err(|_| Malformed)?;
            self.keys.push(Key { start, length });
        }
        Ok(text)
    }

    fn text(&mut self, length: u64) -> Result<&'b str, Malformed> {
        std::str::from_utf8(self.input.take(length)?).map_err(|_| Malformed)
    }

    /// Returns true when two of the keys from `first` on are equal.
    fn repeats_key(&mut self, first: usize) -> bool {
        let message = self.message;
        let Some(keys) = self.keys.get_mut(first..) else { return false };
        if keys.len() <= PAIRWISE_KEYS {
            let mut rest = &*keys;
            while let Some((key, others)) = rest.split_first() {
                if others
                    .iter()
                    .any(|other| key.length == other.length && key.of(message) == other.of(message))
                {
                    return true;
                }
                rest = others;
            }
            return false;
        }
        keys.sort_unstable_by(|a, b| a.of(message).cmp(b.of(message)));
        keys.windows(2).any(|pair| matches!(pair, [a, b] if a.of(message) == b.of(message)))
    }
}

impl Key {
    fn of(self, message: &[u8]) -> &[u8] {
        let start = self.start as usize;
        message.get(start..start + self.length as usize).unwrap_or_default()
    }
}
