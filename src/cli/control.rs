//! The commands that talk to what runs: which there are, and where each is done.

use clap::{ArgMatches, Command};

use super::args::Early;
use super::ctl::{self, Change};
use super::discover::Env;
use super::exit_code::Exit;
use super::ps;
use super::reach::Scope;
use super::report::Failure;
use super::story::{self, Story};
use super::wait::{self, WaitFor};

/// What is asked of what runs.
#[derive(Debug)]
pub enum Control {
    /// The table of processes.
    Ps(Scope),
    /// The summary.
    Status(Scope),
    /// To start, stop, restart or signal something.
    Change(Change),
    /// To wait for something.
    Wait(WaitFor),
    /// What happened.
    Story(Story),
    /// To stop everything.
    Down(Scope),
}

/// All of them, as clap has them.
pub fn commands() -> Vec<Command> {
    let mut commands = vec![ps::ps_command(), ps::status_command()];
    commands.extend(ctl::commands());
    commands.extend(story::commands());
    commands.extend([wait::command(), ctl::down_command()]);
    commands
}

/// Reads the arguments of one of them; none when it is another command.
pub fn view(name: &str, matches: &ArgMatches) -> Option<Control> {
    match name {
        "ps" => Some(Control::Ps(ps::view(matches))),
        "status" => Some(Control::Status(ps::view(matches))),
        "wait" => Some(Control::Wait(wait::view(matches))),
        "down" => Some(Control::Down(super::reach::scope(matches))),
        _ => match story::view(name, matches) {
            Some(story) => Some(Control::Story(story)),
            None => ctl::view(name, matches).map(Control::Change),
        },
    }
}

/// Does it.
///
/// # Errors
/// When nothing is running, or it can't be done.
pub fn run(control: &Control, early: &Early, env: &Env) -> Result<Exit, Failure> {
    match control {
        Control::Ps(scope) => ps::ps(scope, early, env),
        Control::Status(scope) => ps::status(scope, early, env),
        Control::Change(change) => ctl::change(change, early, env),
        Control::Wait(what) => wait::wait(what, early, env),
        Control::Story(story) => story::tell(story, early, env),
        Control::Down(scope) => ctl::down(scope, early, env),
    }
}
