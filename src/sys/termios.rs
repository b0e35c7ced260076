//! The settings of a terminal: kept, changed and put back.

use std::io;
use std::os::fd::AsFd;

use nix::sys::termios::{self, SetArg, Termios};

/// The settings of a terminal at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::pipe::{self, Pipe};
    use crate::sys::pty::{self, Pty, WindowSize};

    #[test]
    fn a_terminal_can_be_made_raw_and_put_back() {
        let size = WindowSize { rows: 50, columns: 132 };
        let terminal = Pty::open(size).expect("a terminal");
        assert_eq!(pty::size_of(&terminal.master), Some(size));
        let before = Settings::of(&terminal.slave).expect("it is one");
        let written = |text: &[u8]| {
            pipe::write(&terminal.slave, text).expect("it takes it");
            let mut buffer = [0; 16];
            let length = pipe::read(&terminal.master, &mut buffer).expect("it is there");
            buffer[..length].to_vec()
        };
        before.raw().apply(&terminal.slave).expect("it takes them");
        assert_eq!(written(b"a\n"), b"a\n");
        before.apply(&terminal.slave).expect("it takes them");
        assert_eq!(written(b"a\n"), b"a\r\n");
        assert!(Settings::of(Pipe::new().expect("a pipe").read).is_none());
    }
}
