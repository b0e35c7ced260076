//! The settings of a terminal: kept, changed and put back.

use std::io;
use std::os::fd::AsFd;

use nix::sys::termios::{self, SetArg, Termios};

/// The settings of a terminal at one moment.
#[derive(Debug, Clone)]
pub struct Settings(Termios);

impl Settings {
    /// Those of this terminal; none where the descriptor isn't one.
    pub fn of(terminal: impl AsFd) -> Option<Self> {
        termios::tcgetattr(terminal).ok().map(Self)
    }

    /// The same, but every byte passes as it is: no echo, no lines, no signals from keys.
    #[must_use]
    pub fn raw(&self) -> Self {
        let mut raw = self.0.clone();
        termios::cfmakeraw(&mut raw);
        Self(raw)
    }

    /// Gives a terminal these settings, once what was written before is out.
    pub fn apply(&self, terminal: impl AsFd) -> io::Result<()> {
        termios::tcsetattr(terminal, SetArg::TCSADRAIN, &self.0)?;
        Ok(())
    }
}
