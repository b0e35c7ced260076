//! The exit codes, one table; `--help` prints it.

use std::process::ExitCode;

/// How a command ended, for whoever called it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Fine; an orderly stop by the first Ctrl-C, TERM, QUIT or HUP included.
    Fine,
    /// Our own fault.
    Bug,
    /// The command line.
    Usage,
    /// The configuration.
    Config,
    /// Something that must be there before a start isn't.
    Preflight,
    /// A process gave up, and its policy ends the run.
    GaveUp,
    /// Something couldn't be stopped.
    Unstoppable,
    /// No supervisor is running here.
    NotRunning,
    /// One is already running here.
    AlreadyRunning,
    /// Refused for safety.
    Refused,
    /// A wait timed out.
    TimedOut,
    /// Ended by a second Ctrl-C.
    Interrupted,
    /// The code of a service with `exit_on_end`.
    Child(u8),
}

impl Exit {
    /// The code itself.
    pub const fn code(self) -> u8 {
        match self {
            Self::Fine => 0,
            Self::Bug => 1,
            Self::Usage => 2,
            Self::Config => 3,
            Self::Preflight => 4,
            Self::GaveUp => 5,
            Self::Unstoppable => 6,
            Self::NotRunning => 7,
            Self::AlreadyRunning => 8,
            Self::Refused => 9,
            Self::TimedOut => 124,
            Self::Interrupted => 130,
            Self::Child(code) => code,
        }
    }

    /// The table, as `--help` prints it.
    pub const TABLE: &'static str = "Exit codes:
  0    fine; also an orderly stop by the first Ctrl-C, TERM, QUIT or HUP
  1    our own fault
  2    the command line is wrong
  3    the configuration is wrong
  4    something isn't there that must be before a start
  5    a process gave up, and its policy ends the run
  6    something couldn't be stopped
  7    no supervisor is running here
  8    one is already running here
  9    refused for safety
  124  a wait timed out
  130  ended by a second Ctrl-C
  A service with exit_on_end, or after --exit-code-from, gives the run its own code.";
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}
