//! One outlet of one run, read to its end: bytes become blocks of lines on the bus.
//!
//! Exit and end of output are two facts: the pump knows of the second alone, and a run's pumps may well
//! go on after its exit, since a grandchild can hold the outlet open. It never drops a byte, and when a
//! lossless subscriber is too slow it stops reading, so that the child feels what it would feel from a
//! slow reader of its pipe.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Duration;

use bytes::BufMut;
use jiff::Timestamp;
use regex::bytes::Regex;
use tokio::net::unix::pipe::Receiver;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout_at};

use super::splitter::{Piece, Splitter};
use crate::bus::{Block, Bus, Ending, Stream};
use crate::logs::{Mask, Masking, Sanitiser};
use crate::model::Origin;
use crate::sys;

/// No line is longer; the rest comes as its continuation.
const LONGEST_LINE: usize = 1024 * 1024;
/// What is gathered before it is published.
const GATHERED: usize = 64 * 1024;
/// With less room than this in the buffer a new one is taken.
const SPARE: usize = 16 * 1024;
/// A line that has paused for so long is shown as far as it is.
const QUIET: Duration = Duration::from_millis(100);
/// And so is one that grows all the time (dots for progress), each time this has passed.
const PATIENCE: Duration = Duration::from_secs(1);

/// A pattern that a line of a run is waited for; readiness, for instance.
#[derive(Debug)]
pub struct LogProbe {
    /// What the line has to match, without its escape sequences.
    pub pattern: Regex,
    /// Is told once. The pumps of a run share one; room for one message is enough.
    pub found: mpsc::Sender<()>,
}

/// Why a pump ended.
#[derive(Debug)]
pub struct PumpEnd {
    /// How many bytes it read.
    pub bytes: u64,
    /// Why it couldn't read on, if that wasn't the end of the output.
    pub failure: Option<PumpFailure>,
}

/// Reading failed.
#[derive(Debug, thiserror::Error)]
#[error("can't read the output of {run}: {source}", run = stream.run)]
pub struct PumpFailure {
    /// Whose output it is.
    pub stream: Stream,
    /// The system's words.
    pub source: io::Error,
}

/// Reads one outlet to its end.
#[derive(Debug)]
pub struct Pump {
    receiver: Receiver,
    stream: Stream,
    bus: Bus,
    splitter: Splitter,
    probes: Vec<Watched>,
    mask: Arc<Mask>,
    masking: Masking,
    read: u64,
    /// When the line that hasn't ended got its first and its latest bytes.
    tail: Option<(Instant, Instant)>,
}

/// What a look at the outlet brought.
enum Look {
    /// All there was for now.
    Drained,
    /// There may be more.
    Full,
    /// There is no more.
    End(Option<io::Error>),
}

impl Pump {
    /// Takes over the read end of a pipe, or the master of a pty.
    ///
    /// It makes the descriptor non-blocking; whoever else holds a duplicate will find it so.
    ///
    /// # Errors
    /// When the descriptor can't be waited for. Needs a tokio runtime around it.
    pub fn new(fd: OwnedFd, stream: Stream, bus: Bus, probes: Vec<LogProbe>) -> io::Result<Self> {
        sys::fd::set_nonblocking(&fd)?;
        Ok(Self {
            // Unchecked: a pty's master isn't a pipe, and is read like one.
            receiver: Receiver::from_owned_fd_unchecked(fd)?,
            stream,
            bus,
            splitter: Splitter::new(LONGEST_LINE),
            probes: probes.into_iter().map(Watched::new).collect(),
            mask: Arc::default(),
            masking: Masking::default(),
            read: 0,
            tail: None,
        })
    }

    /// The same, with what nobody may see of the lines.
    #[must_use]
    pub fn masked(self, mask: Arc<Mask>) -> Self {
        Self { mask, ..self }
    }

    /// Reads until the outlet is at its end. By then everything is on the bus.
    pub async fn run(mut self) -> PumpEnd {
        loop {
            let look = match self.wait().await {
                Ok(()) => self.look(),
                Err(error) => Look::End(Some(error)),
            };
            while let Some(piece) = self.splitter.take(|line| self.masking.let_out(&self.mask, line)) {
                self.publish(piece).await;
            }
            match look {
                Look::Drained => self.let_out_pause().await,
                // A flood must not keep the others on this thread from their turn.
                Look::Full => tokio::task::yield_now().await,
                Look::End(error) => {
                    if let Some(piece) = self.splitter.tail(Ending::EndOfFile) {
                        self.publish(piece).await;
                    }
                    let stream = self.stream;
                    let failure = error.map(|source| PumpFailure { stream, source });
                    return PumpEnd { bytes: self.read, failure };
                }
            }
        }
    }

    /// Waits until there is something to read, or the line that hasn't ended is due.
    async fn wait(&self) -> io::Result<()> {
        match self.due() {
            None => self.receiver.readable().await,
            Some(due) => timeout_at(due, self.receiver.readable()).await.unwrap_or(Ok(())),
        }
    }

    fn due(&self) -> Option<Instant> {
        self.tail.map(|(first, latest)| (latest + QUIET).min(first + PATIENCE))
    }

    /// Reads what is there. A pty gives a line or two at a time, so it gathers before it looks for lines.
    fn look(&mut self) -> Look {
        sys::fault::point("pump");
        let mut gathered = 0;
        let look = loop {
            if gathered >= GATHERED {
                break Look::Full;
            }
            let buffer = &mut self.splitter.buffer;
            if buffer.capacity() - buffer.len() < SPARE {
                buffer.reserve(GATHERED);
            }
            match self.receiver.try_read_buf(&mut buffer.limit(GATHERED - gathered)) {
                Ok(0) => break Look::End(None),
                Ok(read) => gathered += read,
                Err(error) => match error.kind() {
                    io::ErrorKind::WouldBlock => break Look::Drained,
                    io::ErrorKind::Interrupted => {}
                    // EIO: nobody has the other side of the pty open any more.
                    _ if self.stream.origin == Origin::Pty && error.raw_os_error() == Some(EIO) => {
                        break Look::End(None);
                    }
                    _ => break Look::End(Some(error)),
                },
            }
        };
        self.read += gathered as u64;
        if gathered > 0 {
            let now = now();
            self.tail = Some((self.tail.map_or(now, |(first, _)| first), now));
        }
        look
    }

    /// Lets out a line that has paused: a prompt, as a rule. What may be the beginning of a secret is held
    /// back until more of the line is there, or its end.
    async fn let_out_pause(&mut self) {
        if !self.splitter.has_tail() {
            self.tail = None;
        } else if self.due().is_some_and(|due| due <= now()) {
            let until = self.masking.let_out(&self.mask, self.splitter.unfinished());
            if let Some(piece) = self.splitter.part(until, Ending::Paused) {
                self.publish(piece).await;
            }
            self.tail = None;
        }
    }

    async fn publish(&mut self, Piece { bytes, continues, ending }: Piece) {
        // What follows the last newline began just now.
        self.tail = self.tail.map(|(_, latest)| (latest, latest));
        let bytes = self.masking.next(&self.mask, &bytes).map_or(bytes, Into::into);
        let Some(block) = Block::new(self.stream.clone(), stamp(), bytes, continues, ending) else { return };
        if !self.probes.is_empty() {
            self.probes.retain_mut(|probe| !probe.matches(&block));
        }
        self.bus.publish(block).relieved().await;
    }
}

#[expect(clippy::disallowed_methods, reason = "how long a line has paused decides nothing but when it is seen")]
fn now() -> Instant {
    Instant::now()
}

#[expect(clippy::disallowed_methods, reason = "this is where lines are stamped")]
fn stamp() -> Timestamp {
    Timestamp::now()
}

/// `EIO` is 5 on every unix; only `sys` may name the crate that knows it by name.
const EIO: i32 = 5;

/// A log probe at work in one stream.
#[derive(Debug)]
struct Watched {
    probe: LogProbe,
    /// What there was of a line that paused.
    begun: Vec<u8>,
    text: Vec<u8>,
}

impl Watched {
    /// Of a line that comes in pieces no more than this is put together.
    const LONGEST: usize = 64 * 1024;

    const fn new(probe: LogProbe) -> Self {
        Self { probe, begun: Vec::new(), text: Vec::new() }
    }

    /// Whether a line of the block matches; says so to whoever waits.
    fn matches(&mut self, block: &Block) -> bool {
        let found = block.lines().any(|line| {
            if !line.continues {
                self.begun.clear();
            }
            let whole = if self.begun.is_empty() && line.ending == Ending::Newline {
                line.bytes
            } else {
                let room = Self::LONGEST.saturating_sub(self.begun.len());
                self.begun.extend_from_slice(&line.bytes[..line.bytes.len().min(room)]);
                &self.begun
            };
            self.text.clear();
            Sanitiser::plain().line(whole, &mut self.text);
            self.probe.pattern.is_match(&self.text)
        });
        if found {
            // Full or closed: it is known already, or nobody waits any more.
            let _known = self.probe.found.try_send(());
        }
        found
    }
}

#[cfg(test)]
#[path = "pump_tests.rs"]
mod tests;
