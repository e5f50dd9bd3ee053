//! Typed params, results, chunks and notifications of every method (protocol §4, §5).
