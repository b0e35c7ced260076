//! TOML text to `Config`, with the origin of every value. Pure: it never reads a file.
