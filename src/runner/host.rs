//! Signals that reach us: INT, TERM and HUP, as they come. What they mean is the supervisor's business.

use std::future::pending;
use std::io;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::model::Signal;
use crate::sys;

/// The same signal twice within this time was sent once: by a terminal to all of its foreground, and by the
/// one of them that started us (`timeout`, `npm run`) again. The kernel, too, makes one of what comes at once.
const ONCE: Duration = Duration::from_millis(50);

/// Starts to listen; from now on these signals no longer end us. Where HUP is ignored it stays so: `nohup`.
///
/// # Errors
/// When the system refuses to tell us of signals.
pub fn interrupts() -> io::Result<mpsc::Receiver<Signal>> {
    let (sender, receiver) = mpsc::channel(8);
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hangup = match sys::signal::is_ignored(Signal::HUP) {
        true => None,
        false => Some(signal(SignalKind::hangup())?),
    };
    tokio::spawn(async move {
        let mut heard = Heard::default();
        loop {
            let signal = tokio::select! {
                Some(()) = interrupt.recv() => Signal::INT,
                Some(()) = terminate.recv() => Signal::TERM,
                Some(()) = async {
                    match &mut hangup {
                        Some(hangup) => hangup.recv().await,
                        None => pending().await,
                    }
                } => Signal::HUP,
                () = sender.closed() => return,
            };
            if heard.is_news(signal, now()) {
                // Full: eight interrupts wait already, and three of them leave at once.
                let _ = sender.try_send(signal);
            }
        }
    });
    Ok(receiver)
}

#[expect(clippy::disallowed_methods, reason = "whether a signal was sent once or twice is known by nothing else")]
fn now() -> Instant {
    Instant::now()
}

/// The last signal that was heard.
#[derive(Debug, Default)]
struct Heard(Option<(Signal, Instant)>);

impl Heard {
    /// Takes in a signal. `false` when it is the last one again.
    fn is_news(&mut self, signal: Signal, now: Instant) -> bool {
        let again = self.0.is_some_and(|(last, at)| last == signal && now.saturating_duration_since(at) < ONCE);
        if !again {
            self.0 = Some((signal, now));
        }
        !again
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signal_that_comes_by_two_ways_is_one_and_a_key_that_is_pressed_twice_is_two() {
        let mut heard = Heard::default();
        let start = now();
        let at = |millis| start + Duration::from_millis(millis);
        assert!(heard.is_news(Signal::INT, at(0)));
        assert!(!heard.is_news(Signal::INT, at(3)));
        assert!(!heard.is_news(Signal::INT, at(49)));
        assert!(heard.is_news(Signal::INT, at(50)));
        assert!(heard.is_news(Signal::TERM, at(51)));
    }
}
