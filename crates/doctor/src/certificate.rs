//! Validity of an X.509 certificate, read from its DER encoding (RFC 5280 §4.1).

const SEQUENCE: u8 = 0x30;
const VERSION: u8 = 0xa0;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;

/// End of the validity of a certificate, as Unix time in seconds; `None` if it cannot be parsed.
#[must_use]
pub fn not_after(der: &[u8]) -> Option<i64> {
    let mut certificate = content(&mut { der }, SEQUENCE)?;
    let mut fields = content(&mut certificate, SEQUENCE)?;
    if fields.first() == Some(&VERSION) {
        element(&mut fields)?;
    }
    // Serial number, signature algorithm, issuer.
    for _ in 0..3 {
        element(&mut fields)?;
    }
    let mut validity = content(&mut fields, SEQUENCE)?;
    element(&mut validity)?;
    let (tag, text) = element(&mut validity)?;
    parse(tag, std::str::from_utf8(text).ok()?)
}

/// Takes the next element: tag and content.
fn element<'d>(rest: &mut &'d [u8]) -> Option<(u8, &'d [u8])> {
    let (&[tag, length], after) = rest.split_first_chunk::<2>()?;
    let (length, after) = if length < 0x80 {
        (usize::from(length), after)
    } else {
        let (bytes, after) = after.split_at_checked(usize::from(length & 0x7f))?;
        let add = |sum: usize, byte: &u8| sum.checked_mul(256)?.checked_add(usize::from(*byte));
        (bytes.iter().try_fold(0, add)?, after)
    };
    let (content, after) = after.split_at_checked(length)?;
    *rest = after;
    Some((tag, content))
}

fn content<'d>(rest: &mut &'d [u8], expected: u8) -> Option<&'d [u8]> {
    element(rest).filter(|(tag, _)| *tag == expected).map(|(_, content)| content)
}

fn parse(tag: u8, text: &str) -> Option<i64> {
    let (year, rest) = match tag {
        UTC_TIME => {
            let (year, rest) = text.split_at_checked(2)?;
            let year: i64 = year.parse().ok()?;
            (if year < 50 { 2000 + year } else { 1900 + year }, rest)
        }
        GENERALIZED_TIME => {
            let (year, rest) = text.split_at_checked(4)?;
            (year.parse().ok()?, rest)
        }
        _ => return None,
    };
    let number = |from: usize, most: i64| {
        let number: i64 = rest.get(from..from + 2)?.parse().ok()?;
        (number <= most).then_some(number)
    };
    let (month, day) = (number(0, 12).filter(|month| *month > 0)?, number(2, 31).filter(|day| *day > 0)?);
    let seconds = number(4, 23)? * 3600 + number(6, 59)? * 60 + number(8, 60)?;
    Some(days(year, month, day) * 86_400 + seconds)
}

/// Days from 1970 to a date of the Gregorian calendar. Years start in March here, so that leap days come last.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let leap_days = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    let of_year = (153 * month + 2) / 5 + day - 1;
    // Days from March of year 0 to 1970.
    365 * year + leap_days + of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_both_forms_are_parsed() {
        for (tag, text, expected) in [
            (UTC_TIME, "700101000001Z", Some(1)),
            (UTC_TIME, "000229235959Z", Some(951_868_799)),
            (UTC_TIME, "491231235959Z", Some(2_524_607_999)),
            (GENERALIZED_TIME, "19700101000000Z", Some(0)),
            (GENERALIZED_TIME, "20500101000000Z", Some(2_524_608_000)),
            (GENERALIZED_TIME, "21000301000000Z", Some(4_107_542_400)),
            (UTC_TIME, "701301000000Z", None),
            (UTC_TIME, "7", None),
            (2, "700101000000Z", None),
        ] {
            assert_eq!(parse(tag, text), expected, "{text}");
        }
    }

    #[test]
    fn elements_beyond_the_end_are_rejected() {
        assert_eq!(element(&mut &[0x30, 0x02, 1, 2, 3][..]), Some((0x30, &[1, 2][..])));
        assert_eq!(element(&mut &[0x04, 0x81, 0x01, 9][..]), Some((4, &[9][..])));
        let huge = [&[0x30, 0x8f][..], &[255; 15]].concat();
        for damaged in [&[0x30][..], &[0x30, 0x05, 1], &[0x30, 0x88], &huge] {
            assert_eq!(element(&mut { damaged }), None, "{damaged:?}");
        }
        assert_eq!(not_after(&[]), None);
    }
}
