//! The multiplexed log, for a terminal, a pipe or a file.
//!
//! It runs on a thread of its own and blocks there: it takes what has gathered on its subscription,
//! makes one buffer of it and writes that at once. A slow reader makes it slow, its queue fills, and the
//! pumps wait; nothing is lost and nothing else waits.

use std::io::{self, Write};
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::choose::Choice;
use super::format::Formatter;
use super::pretty::PrettyOptions;
use crate::bus::{Batch, Subscription};
use crate::model::ProcessName;
use crate::sys;

/// How the log looks.
#[derive(Debug, Clone)]
pub struct Options {
    /// Whether each line begins with the time and the name of its process.
    pub prefix: bool,
    /// Whether the prefix has the time.
    pub timestamps: bool,
    /// Whether there are colours: the children's and our own.
    pub colour: bool,
    /// Everyone who may speak; names are padded to the longest.
    pub names: Vec<ProcessName>,
    /// What doesn't run and why, for the summary.
    pub absent: Vec<(String, String)>,
    /// The set-up steps: oneshots, told in their own way.
    pub setup: Vec<ProcessName>,
    /// Whether a line says what is being set up and for how long, rewritten as time goes by: on a terminal.
    pub live: bool,
    /// How wide the summary may be.
    pub columns: usize,
    /// How lines are made easy to read, if they are.
    pub pretty: Option<PrettyOptions>,
    /// Whose lines are shown, and which.
    pub choice: Choice,
    /// Where the times are.
    pub zone: TimeZone,
}

/// Why the printer ended.
#[derive(Debug)]
#[must_use]
pub enum PrinterEnd {
    /// The bus was closed and everything is written.
    Finished,
    /// Nobody reads any more: the pipe or the terminal was closed.
    ReaderGone,
    /// Writing failed.
    Failed(io::Error),
}

/// So long a sentence may wait for how it goes on (`exited with 1; starting again in 0.5s`).
const HELD: Duration = Duration::from_millis(200);

/// So often the line is rewritten that says what is being set up.
const REDRAWN: Duration = Duration::from_secs(1);

/// The longest wait for a look at lines that haven't ended, whatever happens to the clock.
const LINES: Duration = Duration::from_secs(1);

/// To the start of the line, and its rest away: of a line that we wrote ourselves.
const ERASE: &[u8; 4] = b"\r\x1b[K";

/// Prints until the bus is closed or nobody reads any more. Blocks.
pub fn print<W: Write + AsFd>(mut records: Subscription, mut out: W, options: Options) -> PrinterEnd {
    let live = options.live;
    let mut formatter = Formatter::new(options);
    let (mut batch, mut text) = (Vec::new(), Vec::new());
    let mut release_at: Option<Instant> = None;
    let mut drawn = false;
    loop {
        let now = now();
        let wait = release_at.map(|at| at.saturating_duration_since(now));
        let line = formatter.lines_due().map(|due| time_until(due).min(LINES));
        let wait = wait.into_iter().chain(line).min();
        let wait = if live && formatter.is_setting_up() { Some(wait.unwrap_or(REDRAWN).min(REDRAWN)) } else { wait };
        let end = records.next_batch(&mut batch, wait);
        sys::fault::point("printer");
        for record in batch.drain(..) {
            formatter.record(&record, &mut text);
        }
        match end {
            Batch::Closed => formatter.finish(&mut text),
            Batch::TimedOut | Batch::Records if release_at.is_some_and(|at| at <= self::now()) => {
                formatter.release(&mut text);
            }
            Batch::TimedOut | Batch::Records => {}
        }
        if formatter.lines_due().is_some() {
            formatter.release_lines(wall_clock(), &mut text);
        }
        release_at = match formatter.holds() {
            true => release_at.or(Some(now + HELD)),
            false => None,
        };
        if drawn {
            text.splice(0..0, *ERASE);
            drawn = false;
        }
        if live && let Some(line) = formatter.setting_up(wall_clock()) {
            text.extend_from_slice(line.as_bytes());
            drawn = true;
        }
        match write(&mut out, &text) {
            Ok(()) if end == Batch::Closed => return PrinterEnd::Finished,
            Ok(()) => {}
            Err(error) if is_gone(&error) => return PrinterEnd::ReaderGone,
            Err(error) => return PrinterEnd::Failed(error),
        }
        text.clear();
        // One line of a megabyte shouldn't cost its room for ever.
        text.shrink_to(4 * Subscription::BATCH);
    }
}

fn time_until(due: Timestamp) -> Duration {
    // Rounded up: a wait that ends too early would be one for nothing.
    Duration::try_from(due.duration_since(wall_clock())).map_or(Duration::ZERO, |left| left + Duration::from_millis(1))
}

#[expect(clippy::disallowed_methods, reason = "how long something has lasted decides nothing but what is seen when")]
fn wall_clock() -> Timestamp {
    Timestamp::now()
}

#[expect(clippy::disallowed_methods, reason = "how long a sentence waits decides nothing but when it is seen")]
fn now() -> Instant {
    Instant::now()
}

/// Writes all of it, also where the other side made our output non-blocking (it shares the flag).
pub(super) fn write<W: Write + AsFd>(out: &mut W, mut text: &[u8]) -> io::Result<()> {
    while !text.is_empty() {
        match out.write(text) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => text = &text[written..],
            Err(error) => match error.kind() {
                io::ErrorKind::Interrupted => {}
                io::ErrorKind::WouldBlock => sys::fd::wait_writable(&*out)?,
                _ => return Err(error),
            },
        }
    }
    out.flush()
}

/// Whether nobody reads any more: the pipe has no reader (EPIPE), or the terminal hung up (EIO).
pub(super) fn is_gone(error: &io::Error) -> bool {
    const EIO: i32 = 5;
    error.kind() == io::ErrorKind::BrokenPipe || error.raw_os_error() == Some(EIO)
}
