//! The `devserver` binary. Everything is in the library.

fn main() {}
