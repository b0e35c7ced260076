//! argv, discovery, preflight, wiring and the error report.

use std::ffi::OsString;
use std::process::ExitCode;

/// The whole program, when it isn't a shim.
pub fn main(_arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    ExitCode::SUCCESS
}
