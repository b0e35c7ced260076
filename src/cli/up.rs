//! up
use super::args::{Colour, Look};
use super::discover::{self, Found};
use super::exit_code::Exit;
use super::report::Failure;
use crate::plan::{Choices, Facts};
type Env = std::collections::BTreeMap<String, String>;
pub fn facts(found: &Found, env: Env) -> Facts {
    discover::facts(found, env)
}
pub fn up(_f: &Found, _c: &Choices, _l: Look, _co: Colour, _e: &Env) -> Result<Exit, Failure> {
    Ok(Exit::Bug)
}
