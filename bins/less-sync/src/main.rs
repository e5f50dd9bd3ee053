//! less-sync.
fn main() {}
