//! The `devserver` binary. Everything is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    #[expect(clippy::disallowed_methods, reason = "argv is read here, once")]
    let args = std::env::args_os();
    devserver::cli::main(args.skip(1))
}
