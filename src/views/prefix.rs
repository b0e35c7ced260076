//! What stands before each line: the time, the name of its process, and a bar.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::palette::{Tone, colour_of};
use super::plain::Options;

/// What the bar says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Bar {
    /// Nothing.
    Thin,
    /// Look here: a line that matters, in this tone.
    Thick(Tone),
    /// Somebody is asked for something.
    Question,
}

/// Makes prefixes.
#[derive(Debug)]
pub(super) struct Prefixes {
    shown: bool,
    timestamps: bool,
    colour: bool,
    zone: TimeZone,
    /// The width of the name column.
    width: usize,
    /// The second for which `time` was made, and the time of day then.
    second: i64,
    time: Vec<u8>,
}

impl Prefixes {
    pub(super) fn new(options: &Options, width: usize) -> Self {
        Self {
            shown: options.prefix,
            timestamps: options.timestamps,
            colour: options.colour,
            zone: options.zone.clone(),
            width,
            second: i64::MIN,
            time: Vec::new(),
        }
    }

    /// Adds what stands before a line of this process at this time. Our own name has a tone instead of its colour.
    pub(super) fn write(&mut self, at: Timestamp, name: &str, tone: Option<Tone>, bar: Bar, out: &mut Vec<u8>) {
        if !self.shown {
            return;
        }
        if self.timestamps {
            if self.second != at.as_second() {
                self.second = at.as_second();
                let time = at.to_zoned_datetime(self.zone.clone()).strftime("%H:%M:%S ").to_string();
                self.time = Tone::Dim.paint(&time, self.colour).into_bytes();
            }
            out.extend_from_slice(&self.time);
        }
        let width = self.width;
        let name_and = |bar: &str| {
            let padded = format!("{name:<width$} {bar}");
            match tone {
                Some(tone) => tone.paint(&padded, self.colour),
                None if self.colour => format!("\x1b[38;5;{}m{padded}\x1b[0m", colour_of(name)),
                None => padded,
            }
        };
        let text = match bar {
            Bar::Thin => name_and("│"),
            Bar::Thick(tone) => name_and("") + &tone.paint("┃", self.colour),
            Bar::Question => name_and("") + &Tone::Warn.paint("?", self.colour),
        };
        out.extend_from_slice(text.as_bytes());
        out.push(b' ');
    }
}
