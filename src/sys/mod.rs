//! Thin safe wrappers over the system. The only room that names nix; it decides nothing.

pub mod fd;
