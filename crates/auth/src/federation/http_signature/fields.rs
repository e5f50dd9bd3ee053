//! Dictionaries of structured header fields (RFC 8941 §3.2, §4.2), with the received text of every member: the last line of a
//! signature base repeats it byte by byte.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// Maximum number of members, items of a list and parameters, each.
const MAX_PARTS: usize = 64;

/// Bare item. Decimals, tokens and booleans are read, never used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Item {
    /// Integer of at most 15 digits.
    Integer(i64),
    /// String without its quotes and escapes.
    String(String),
    /// Byte sequence.
    Bytes(Vec<u8>),
    /// Item of another type.
    Other,
}

/// Parameters in the order received.
pub(super) type Parameters = Vec<(String, Item)>;

/// Member of a dictionary.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Value {
    /// Inner list: its items with their parameters.
    List(Vec<(Item, Parameters)>),
    /// Single item.
    Item(Item),
}

/// Value of a member with its parameters and its received text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Member<'t> {
    pub(super) value: Value,
    pub(super) parameters: Parameters,
    /// Text after `name=` as received, with the parameters.
    pub(super) text: &'t str,
}

/// Parses `text` as a dictionary and returns member `name`; of several with this name the last one counts.
///
/// `Err` for text that is not a dictionary, `Ok(None)` for one without the member.
pub(super) fn member<'t>(text: &'t str, name: &str) -> Result<Option<Member<'t>>, Malformed> {
    let mut parser = Parser { text, position: 0 };
    let mut found = None;
    parser.skip_spaces();
    for _ in 0..MAX_PARTS {
        let key = parser.key()?;
        let member = parser.member()?;
        if key == name {
            found = Some(member);
        }
        parser.skip_blanks();
        if parser.is_done() {
            return Ok(found);
        }
        parser.expect(b',')?;
        parser.skip_blanks();
    }
    Err(Malformed)
}

/// Text that does not follow the grammar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Malformed;

struct Parser<'t> {
    text: &'t str,
    position: usize,
}

impl<'t> Parser<'t> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.position).copied()
    }

    fn is_done(&self) -> bool {
        self.position == self.text.len()
    }

    fn take(&mut self, byte: u8) -> bool {
        let taken = self.peek() == Some(byte);
        self.position += usize::from(taken);
        taken
    }

    fn expect(&mut self, byte: u8) -> Result<(), Malformed> {
        if self.take(byte) { Ok(()) } else { Err(Malformed) }
    }

    fn take_while(&mut self, accepted: impl Fn(u8) -> bool) -> &'t str {
        let start = self.position;
        while self.peek().is_some_and(&accepted) {
            self.position += 1;
        }
        self.since(start)
    }

    /// Text from `start` to the position. Bytes that end a part are ASCII, so both are boundaries of characters.
    fn since(&self, start: usize) -> &'t str {
        self.text.get(start..self.position).unwrap_or_default()
    }

    fn skip_spaces(&mut self) {
        self.take_while(|byte| byte == b' ');
    }

    fn skip_blanks(&mut self) {
        self.take_while(|byte| matches!(byte, b' ' | b'\t'));
    }

    fn key(&mut self) -> Result<&'t str, Malformed> {
        if !self.peek().is_some_and(|byte| byte.is_ascii_lowercase() || byte == b'*') {
            return Err(Malformed);
        }
        Ok(self.take_while(|byte| {
            byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'_' | b'-' | b'.' | b'*')
        }))
    }

    fn member(&mut self) -> Result<Member<'t>, Malformed> {
        let start = if self.take(b'=') { self.position } else { return self.boolean_member() };
        let value = if self.peek() == Some(b'(') {
            Value::List(self.inner_list()?)
        } else {
            Value::Item(self.item()?)
        };
        let parameters = self.parameters()?;
        Ok(Member { value, parameters, text: self.since(start) })
    }

    /// Member without a value: true.
    fn boolean_member(&mut self) -> Result<Member<'t>, Malformed> {
        let start = self.position;
        let parameters = self.parameters()?;
        Ok(Member { value: Value::Item(Item::Other), parameters, text: self.since(start) })
    }

    fn inner_list(&mut self) -> Result<Vec<(Item, Parameters)>, Malformed> {
        self.expect(b'(')?;
        let mut items = Vec::new();
        while items.len() <= MAX_PARTS {
            self.skip_spaces();
            if self.take(b')') {
                return Ok(items);
            }
            let item = self.item()?;
            items.push((item, self.parameters()?));
            if !matches!(self.peek(), Some(b' ' | b')')) {
                break;
            }
        }
        Err(Malformed)
    }

    fn parameters(&mut self) -> Result<Parameters, Malformed> {
        let mut parameters = Vec::new();
        while self.take(b';') {
            if parameters.len() == MAX_PARTS {
                return Err(Malformed);
            }
            self.skip_spaces();
            let key = self.key()?.to_owned();
            let value = if self.take(b'=') { self.item()? } else { Item::Other };
            parameters.push((key, value));
        }
        Ok(parameters)
    }

    fn item(&mut self) -> Result<Item, Malformed> {
        match self.peek().ok_or(Malformed)? {
            b'"' => self.string(),
            b':' => self.bytes(),
            b'?' => self.boolean(),
            b'-' | b'0'..=b'9' => self.number(),
            byte if byte.is_ascii_alphabetic() || byte == b'*' => {
                self.take_while(is_token_byte);
                Ok(Item::Other)
            }
            _ => Err(Malformed),
        }
    }

    fn string(&mut self) -> Result<Item, Malformed> {
        self.expect(b'"')?;
        let mut string = String::new();
        loop {
            string.push_str(
                self.take_while(|byte| matches!(byte, b' '..=b'~') && !matches!(byte, b'"' | b'\\')),
            );
            if self.take(b'"') {
                return Ok(Item::String(string));
            }
            self.expect(b'\\')?;
            let escaped = self.peek().filter(|byte| matches!(byte, b'"' | b'\\')).ok_or(Malformed)?;
            string.push(char::from(escaped));
            self.position += 1;
        }
    }

    /// Byte sequence in base64 with padding (federation §7.1).
    fn bytes(&mut self) -> Result<Item, Malformed> {
        self.expect(b':')?;
        let encoded = self.take_while(|byte| byte != b':');
        self.expect(b':')?;
        STANDARD.decode(encoded).map(Item::Bytes).map_err(|_| Malformed)
    }

    fn boolean(&mut self) -> Result<Item, Malformed> {
        self.expect(b'?')?;
        if self.take(b'0') || self.take(b'1') { Ok(Item::Other) } else { Err(Malformed) }
    }

    fn number(&mut self) -> Result<Item, Malformed> {
        let start = self.position;
        self.take(b'-');
        let digits = self.take_while(|byte| byte.is_ascii_digit());
        if self.take(b'.') {
            let fraction = self.take_while(|byte| byte.is_ascii_digit());
            let fits = (1..=12).contains(&digits.len()) && (1..=3).contains(&fraction.len());
            return if fits { Ok(Item::Other) } else { Err(Malformed) };
        }
        if !(1..=15).contains(&digits.len()) {
            return Err(Malformed);
        }
        self.since(start).parse().map(Item::Integer).map_err(|_| Malformed)
    }
}

fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~:/".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text<'t>(header: &'t str, name: &str) -> Result<Option<&'t str>, Malformed> {
        member(header, name).map(|member| member.map(|member| member.text))
    }

    #[test]
    fn members_keep_their_received_text() {
        let header = r#"  a=1;x,  sig=("@method"  "host" );b="c\"d" ;e , other=:AQI=:;t=tok/en, flag;p=?1"#;
        assert_eq!(text(header, "sig"), Err(Malformed), "a blank before a semicolon");
        let header = r#"  a=1;x,  sig=("@method"  "host" );b="c\"d"; e , other=:AQI=:;t=tok/en, flag;p=?1"#;
        assert_eq!(text(header, "sig"), Ok(Some(r#"("@method"  "host" );b="c\"d"; e"#)));
        assert_eq!(text(header, "flag"), Ok(Some(";p=?1")));
        assert_eq!(text(header, "absent"), Ok(None));
        let sig = member(header, "sig").unwrap().unwrap();
        assert_eq!(
            sig.parameters,
            [("b".to_owned(), Item::String("c\"d".to_owned())), ("e".to_owned(), Item::Other)]
        );
        let other = member(header, "other").unwrap().unwrap();
        assert_eq!(other.value, Value::Item(Item::Bytes(vec![1, 2])));
    }

    #[test]
    fn last_of_two_members_counts() {
        assert_eq!(text("sig=1, sig=-2", "sig"), Ok(Some("-2")));
    }

    #[test]
    fn text_outside_the_grammar_is_rejected() {
        for header in [
            "",
            ",",
            "sig=",
            "sig=1,",
            "sig=1 2",
            "Sig=1",
            "sig=(1 2",
            "sig=(1\"x\")",
            "sig=\"a",
            "sig=\"a\\n\"",
            "sig=\"é\"",
            "sig=:AQ:",
            "sig=:AQ==",
            "sig=?2",
            "sig=1234567890123456",
            "sig=1.",
            "sig=1.2345",
            "sig=-",
            "sig=1;",
            "sig=1;A",
            "sig=1\u{b}",
            "sig=()()",
            "é",
        ] {
            assert_eq!(text(header, "sig"), Err(Malformed), "{header}");
        }
        let many = vec!["a"; MAX_PARTS + 1].join(",");
        assert_eq!(text(&many, "a"), Err(Malformed));
    }
}
