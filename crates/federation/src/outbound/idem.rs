//! Idempotency key in the params of a forwarded mutation (federation PM-9).

use bytes::Bytes;

/// Member `idem` with a byte string of 16 bytes: its encoding up to the bytes.
const MEMBER: [u8; 6] = [0x64, b'i', b'd', b'e', b'm', 0x50];

/// Major type of maps, in the initial byte.
const MAP: u8 = 5 << 5;

/// Initial byte of a map without a length.
const INDEFINITE: u8 = MAP | 31;

/// Additional information of a head whose argument is the next byte.
const ONE_BYTE: u8 = 0x18;

/// Adds the member `idem` to `params`, a CBOR map that is otherwise unread. `None` for other items, and for a map that has as many
/// members as its head can say.
pub(super) fn with_idem(params: &[u8], key: [u8; 16]) -> Option<Bytes> {
    let (initial, rest) = params.split_first()?;
    let mut out = Vec::with_capacity(params.len() + MEMBER.len() + key.len() + 1);
    if *initial == INDEFINITE {
        out.push(INDEFINITE);
        member(&mut out, key);
        out.extend_from_slice(rest);
        return Some(out.into());
    }
    if initial & 0xe0 != MAP {
        return None;
    }
    let rest = match initial & 0x1f {
        small @ 0..=22 => {
            out.push(MAP | (small + 1));
            rest
        }
        23 => {
            out.extend_from_slice(&[MAP | ONE_BYTE, 24]);
            rest
        }
        24 => {
            let (length, rest) = rest.split_first()?;
            out.extend_from_slice(&[MAP | ONE_BYTE, length.checked_add(1)?]);
            rest
        }
        _ => return None,
    };
    member(&mut out, key);
    out.extend_from_slice(rest);
    Some(out.into())
}

fn member(out: &mut Vec<u8>, key: [u8; 16]) {
    out.extend_from_slice(&MEMBER);
    out.extend_from_slice(&key);
}

#[cfg(test)]
mod tests {
    use less_sync_core::cbor::{Decode as _, Encode as _};
    use less_sync_core::wire::epoch_keys::EpochKeysGetParams;

    use super::*;

    #[test]
    fn key_is_added_and_the_other_members_stay() {
        let params = EpochKeysGetParams { space: "s", ucan: Some("u"), home_server: None, epoch: 7 };
        let mut encoded = Vec::new();
        params.encode(&mut encoded);
        let keyed = with_idem(&encoded, [9; 16]).unwrap();
        assert_eq!(keyed.len(), encoded.len() + 22);
        assert_eq!(EpochKeysGetParams::decode(&keyed), Ok(params));
        // Indefinite maps end with a break.
        assert_eq!(&with_idem(&[0xbf, 0xff], [9; 16]).unwrap()[..2], &[0xbf, 0x64]);
        assert_eq!(with_idem(&[0xa0], [9; 16]).unwrap()[0], 0xa1);
        assert_eq!(with_idem(&[0xb7], [9; 16]).unwrap()[..2], [0xb8, 24]);
        assert_eq!(with_idem(&[0xb8, 24], [9; 16]).unwrap()[..2], [0xb8, 25]);
    }

    #[test]
    fn other_items_are_rejected() {
        for item in [&[][..], &[0x80], &[0xf6], &[0xb8], &[0xb8, 255], &[0xb9, 1, 0]] {
            assert_eq!(with_idem(item, [0; 16]), None, "{item:?}");
        }
    }
}
