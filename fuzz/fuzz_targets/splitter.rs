//! Any bytes; what must hold of them is in tests/fuzz/bodies.rs.

#![no_main]

#[expect(dead_code, reason = "each target runs one of them")]
#[path = "../../tests/fuzz/bodies.rs"]
mod bodies;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| bodies::splitter(bytes));
