//! The `devserver` binary. Everything is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    // Before anything else exists: a shim has one thread and no command line.
    if devserver::shim::is_shim(std::env::args_os()) {
        return devserver::shim::main();
    }
    devserver::cli::main(std::env::args_os().skip(1))
}
