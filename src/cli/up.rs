//! The wiring: the one function that knows all rooms.

use super::args::{Colour, Look};
use super::discover::{self, Env, Found};
use super::exit_code::Exit;
use super::report::Failure;
use super::stack::{RuntimeFolder, already_running};
use crate::plan::{Choices, Plan};

/// Everything that a start would check, and nothing that it would do.
///
/// # Errors
/// As a start would.
pub fn dry_run(plan: &Plan, found: &Found, env: &Env) -> Result<(), Failure> {
    let live = RuntimeFolder::of(&found.folder, env).live();
    for silo in plan.silos.iter().filter(|silo| silo.selected) {
        if let Some(holder) = live.iter().find(|record| record.silos.contains_key(silo.name.as_str())) {
            return Err(already_running(silo.name.as_str(), Some(holder.clone())));
        }
    }
    let runtime = runtime()?;
    runtime.block_on(super::preflight::preflight(plan, &discover::environment_for_children()))
}

fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    let built = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    built.map_err(|error| Failure::new(Exit::Bug, format!("the runtime can't be started: {error}"), None))
}

pub fn up(_f: &Found, _c: &Choices, _l: Look, _co: Colour, _e: &Env) -> Result<Exit, Failure> {
    Ok(Exit::Bug)
}
