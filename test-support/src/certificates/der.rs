//! DER encoding of certificates.

use std::net::IpAddr;

const BOOLEAN: u8 = 0x01;
const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const OCTET_STRING: u8 = 0x04;
const OID: u8 = 0x06;
const UTF8_STRING: u8 = 0x0c;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
/// Explicit tags of the version and the extensions.
const VERSION: u8 = 0xa0;
const EXTENSIONS: u8 = 0xa3;
/// Tag of a host name in a subject alternative name.
const DNS_NAME: u8 = 0x82;
/// Tag of an address in a subject alternative name.
const IP_ADDRESS: u8 = 0x87;

const COMMON_NAME: &[u8] = &[0x55, 0x04, 0x03];
const BASIC_CONSTRAINTS: &[u8] = &[0x55, 0x1d, 0x13];
const ALTERNATIVE_NAME: &[u8] = &[0x55, 0x1d, 0x11];
const EC_PUBLIC_KEY: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
const P256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
const ECDSA_SHA256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02];

/// First year from which on times have four digits for the year.
const FOUR_DIGITS: u16 = 2050;

/// Holder of a certificate.
pub(super) struct Subject<'a> {
    pub(super) name: &'a str,
    /// Public key, uncompressed.
    pub(super) point: &'a [u8],
    /// Year with whose first day the validity ends.
    pub(super) last_year: u16,
}

/// Extension of a certificate.
pub(super) enum Extension<'a> {
    /// The holder signs certificates.
    Authority,
    /// The holder is the server of this host name or address.
    Host(&'a str),
}

/// Certificate of `issuer` for `subject`, signed by `sign`.
pub(super) fn certificate(
    issuer: &str,
    subject: &Subject<'_>,
    extension: &Extension<'_>,
    sign: impl FnOnce(&[u8]) -> Vec<u8>,
) -> Vec<u8> {
    let algorithm = element(SEQUENCE, &element(OID, ECDSA_SHA256));
    let body = join(&[
        element(VERSION, &element(INTEGER, &[2])),
        // Serial numbers must differ within an authority: the key does.
        element(INTEGER, &[&[0x01], &subject.point[1..9]].concat()),
        algorithm.clone(),
        name(issuer),
        join_as(SEQUENCE, &[time(2000), time(subject.last_year)]),
        name(subject.name),
        public_key(subject.point),
        element(EXTENSIONS, &element(SEQUENCE, &extension.encode())),
    ]);
    let body = element(SEQUENCE, &body);
    let signature = sign(&body);
    join_as(SEQUENCE, &[body, algorithm, bits(&signature)])
}

impl Extension<'_> {
    fn encode(&self) -> Vec<u8> {
        match self {
            Self::Authority => {
                let is_authority = element(SEQUENCE, &element(BOOLEAN, &[0xff]));
                let critical = element(BOOLEAN, &[0xff]);
                join_as(
                    SEQUENCE,
                    &[element(OID, BASIC_CONSTRAINTS), critical, element(OCTET_STRING, &is_authority)],
                )
            }
            Self::Host(host) => {
                let name = match host.parse() {
                    Ok(IpAddr::V4(address)) => element(IP_ADDRESS, &address.octets()),
                    Ok(IpAddr::V6(address)) => element(IP_ADDRESS, &address.octets()),
                    Err(_) => element(DNS_NAME, host.as_bytes()),
                };
                let names = element(SEQUENCE, &name);
                join_as(SEQUENCE, &[element(OID, ALTERNATIVE_NAME), element(OCTET_STRING, &names)])
            }
        }
    }
}

fn name(text: &str) -> Vec<u8> {
    let attribute = join_as(SEQUENCE, &[element(OID, COMMON_NAME), element(UTF8_STRING, text.as_bytes())]);
    element(SEQUENCE, &element(SET, &attribute))
}

fn public_key(point: &[u8]) -> Vec<u8> {
    let algorithm = join_as(SEQUENCE, &[element(OID, EC_PUBLIC_KEY), element(OID, P256)]);
    join_as(SEQUENCE, &[algorithm, bits(point)])
}

/// The first day of a year.
fn time(year: u16) -> Vec<u8> {
    if year < FOUR_DIGITS {
        element(UTC_TIME, format!("{:02}0101000000Z", year % 100).as_bytes())
    } else {
        element(GENERALIZED_TIME, format!("{year}0101000000Z").as_bytes())
    }
}

fn bits(bytes: &[u8]) -> Vec<u8> {
    element(BIT_STRING, &[&[0], bytes].concat())
}

fn join(parts: &[Vec<u8>]) -> Vec<u8> {
    parts.concat()
}

fn join_as(tag: u8, parts: &[Vec<u8>]) -> Vec<u8> {
    element(tag, &join(parts))
}

fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len();
    let header = match u8::try_from(length) {
        Ok(short @ 0..0x80) => vec![tag, short],
        Ok(byte) => vec![tag, 0x81, byte],
        Err(_) => vec![tag, 0x82, (length >> 8).to_le_bytes()[0], length.to_le_bytes()[0]],
    };
    [header, content.to_vec()].concat()
}
