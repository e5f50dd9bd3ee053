//! The CBOR profile of the wire (protocol §2.1).
