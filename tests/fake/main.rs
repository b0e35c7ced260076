//! The service that the tests run.
fn main() {}
