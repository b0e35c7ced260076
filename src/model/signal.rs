//! Signals, without nix: parsed from the config, printed in messages, numbered at the very edge.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A signal name that no signal has.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{name}` isn't a signal")]
pub struct UnknownSignal {
    /// The text as given.
    pub name: String,
}

/// A signal. Numbers are Linux's; macOS has others for some, which is a seam and not yet built.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Signal(i32);

macro_rules! signals {
    ($($name:ident = $number:literal),* $(,)?) => {
        impl Signal {
            $(#[doc = concat!("SIG", stringify!($name), ".")] pub const $name: Self = Self($number);)*

            const NAMES: &'static [(&'static str, i32)] = &[$((stringify!($name), $number)),*];
        }
    };
}

signals! {
    HUP = 1, INT = 2, QUIT = 3, ILL = 4, TRAP = 5, ABRT = 6, BUS = 7, FPE = 8, KILL = 9, USR1 = 10, SEGV = 11,
    USR2 = 12, PIPE = 13, ALRM = 14, TERM = 15, STKFLT = 16, CHLD = 17, CONT = 18, STOP = 19, TSTP = 20, TTIN = 21,
    TTOU = 22, URG = 23, XCPU = 24, XFSZ = 25, VTALRM = 26, PROF = 27, WINCH = 28, IO = 29, PWR = 30, SYS = 31,
}

impl Signal {
    /// The signal of this number, real-time ones included.
    pub const fn from_number(number: i32) -> Self {
        Self(number)
    }

    /// Its number, as `kill(2)` takes it.
    pub const fn number(self) -> i32 {
        self.0
    }

    /// The signals that a service may be stopped with, for messages.
    pub const STOPPING: &'static str = "TERM, INT, QUIT, HUP, USR1, USR2, KILL";
}

impl FromStr for Signal {
    type Err = UnknownSignal;

    fn from_str(text: &str) -> Result<Self, UnknownSignal> {
        let name = text.strip_prefix("SIG").unwrap_or(text);
        let known = Self::NAMES.iter().find(|(known, _)| *known == name);
        known.map(|(_, number)| Self(*number)).ok_or_else(|| UnknownSignal { name: text.to_owned() })
    }
}

/// Without `SIG`, as the config has it: `TERM`.
impl fmt::Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match Self::NAMES.iter().find(|(_, number)| *number == self.0) {
            Some((name, _)) => f.write_str(name),
            None => write!(f, "{}", self.0),
        }
    }
}

impl fmt::Debug for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SIG{self}")
    }
}

impl Serialize for Signal {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Signal {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        // One without a name (a real-time signal) is written as its number.
        let number = || text.parse().ok().filter(|number| (1..=64).contains(number)).map(Self);
        text.parse().or_else(|error| number().ok_or(error)).map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_with_and_without_sig() {
        assert_eq!("TERM".parse(), Ok(Signal::TERM));
        assert_eq!("SIGINT".parse(), Ok(Signal::INT));
        assert_eq!("term".parse::<Signal>(), Err(UnknownSignal { name: "term".into() }));
        assert_eq!(Signal::from_number(34).to_string(), "34");
    }
}
