//! Both object stores: the conformance suite, and faults particular to each.

#![expect(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

mod bucket;
mod local_conformance;
mod local_files;
mod objects;
mod s3_conformance;
mod s3_faults;
