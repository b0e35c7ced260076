//! `devserver status`: which silos of this checkout are up, and where.

use serde_json::json;

use super::discover::{Env, Found};
use super::exit_code::Exit;
use super::main::say;
use super::report::Failure;
use super::stack::RuntimeFolder;

/// Prints the stacks of this checkout that are up.
///
/// # Errors
/// When none is.
pub fn status(found: &Found, json: bool, env: &Env) -> Result<Exit, Failure> {
    let live = RuntimeFolder::of(&found.folder, env).live();
    if json {
        say(&format!("{:#}\n", json!({ "stacks": live })));
        return Ok(if live.is_empty() { Exit::NotRunning } else { Exit::Fine });
    }
    if live.is_empty() {
        let message = format!("nothing of {} is running", found.folder.display());
        return Err(Failure::new(Exit::NotRunning, message, "start it with `devserver`".to_owned()));
    }
    for stack in live {
        let silos = stack.silos.iter().map(|(name, port)| match port {
            Some(port) => format!("{name} on port {port}"),
            None => name.clone(),
        });
        say(&format!("{} (pid {}): {}\n", silos.collect::<Vec<_>>().join(", "), stack.pid, stack.command));
    }
    Ok(Exit::Fine)
}
