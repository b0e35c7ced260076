//! The `devserver` binary. Everything is in the library.

use std::env;
use std::process::ExitCode;

fn main() -> ExitCode {
    // Before anything else exists: a shim has one thread and no command line.
    if devserver::shim::is_shim(env::args_os()) {
        return devserver::shim::main();
    }
    devserver::cli::main(env::args_os())
}
