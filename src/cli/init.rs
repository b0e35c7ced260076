//! `devserver init`: a first devserver.toml.

use std::io::Write as _;

use super::discover::FILE;
use super::exit_code::Exit;
use super::main::say;
use super::report::Failure;

const STARTER: &str = include_str!("../../templates/starter.toml");

/// Writes a first devserver.toml; never over one that is there.
///
/// # Errors
/// When there is one, or it can't be written.
pub fn init() -> Result<Exit, Failure> {
    let failed = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::AlreadyExists => {
            let hint = "edit it, or move it away first".to_owned();
            Failure::new(Exit::Refused, format!("there is a {FILE} here already; it was left as it is"), hint)
        }
        _ => Failure::new(
            Exit::Config,
            format!("{FILE} can't be written: {}", super::discover::reason(&error)),
            "check the folder's owner and mode".to_owned(),
        ),
    };
    let mut file = std::fs::File::create_new(FILE).map_err(failed)?;
    file.write_all(STARTER.as_bytes()).map_err(failed)?;
    say(&format!("wrote {FILE}\nnext: edit its services, then `devserver plan` and `devserver`\n"));
    Ok(Exit::Fine)
}
