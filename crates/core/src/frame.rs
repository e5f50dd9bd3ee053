//! Envelopes (protocol §2.2).
