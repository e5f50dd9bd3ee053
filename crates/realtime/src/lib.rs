//! less-sync.
