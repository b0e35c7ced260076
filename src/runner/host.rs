//! Signals that reach us: INT, TERM, QUIT, HUP and TSTP, as they come. What they mean is the supervisor's business,
//! unless its loop is stuck: then the third is the end all the same.

use std::future::pending;
use std::io;
use std::time::Duration;

use tokio::signal::unix::{Signal as Listener, SignalKind, signal};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep};

use crate::model::Signal;
use crate::sys::{self, fault};

/// The same signal twice within this time was sent once: by a terminal to all of its foreground, and by the
/// one of them that started us (`timeout`, `npm run`) again. The kernel, too, makes one of what comes at once.
const ONCE: Duration = Duration::from_millis(50);

/// From the so-manieth on, an interrupt means to leave at once.
const LEAVES: u32 = 3;

/// How long the loop may take to hear of one. It never blocks, so this is for ever.
const HEARING: Duration = Duration::from_secs(2);

/// The exit code of who leaves at once.
const INTERRUPTED: i32 = 130;

/// Whether nobody has taken what waits there for long.
async fn is_stuck(sender: &mpsc::Sender<Signal>) -> bool {
    let waits = sleep(HEARING);
    tokio::select! {
        () = sender.closed() => false,
        () = waits => sender.capacity() < sender.max_capacity(),
    }
}

/// Starts to listen; from now on these signals no longer end us. Where HUP or TSTP is ignored it stays so:
/// `nohup`, and shells without job control.
///
/// # Errors
/// When the system refuses to tell us of signals.
pub fn interrupts() -> io::Result<mpsc::Receiver<Signal>> {
    let (sender, receiver) = mpsc::channel(8);
    // Whoever started us may have blocked them; a thread that doesn't is enough.
    sys::signal::unblock(&[Signal::INT, Signal::TERM, Signal::QUIT, Signal::HUP])?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut quit = signal(SignalKind::quit())?;
    let unless_ignored = |which: Signal| match sys::signal::is_ignored(which) {
        true => Ok(None),
        false => signal(SignalKind::from_raw(which.number())).map(Some),
    };
    let (mut hangup, mut suspend) = (unless_ignored(Signal::HUP)?, unless_ignored(Signal::TSTP)?);
    tokio::spawn(async move {
        let (mut heard, mut count) = (Heard::default(), 0_u32);
        loop {
            let signal = tokio::select! {
                Some(()) = interrupt.recv() => Signal::INT,
                Some(()) = terminate.recv() => Signal::TERM,
                Some(()) = quit.recv() => Signal::QUIT,
                Some(()) = heard_if(&mut hangup) => Signal::HUP,
                Some(()) = heard_if(&mut suspend) => Signal::TSTP,
                () = sender.closed() => return,
            };
            fault::point("host");
            // Between two TSTP we were suspended, for whatever time.
            if signal == Signal::TSTP || heard.is_news(signal, now()) {
                // Full: eight interrupts wait already, and three of them leave at once.
                let _ = sender.try_send(signal);
                count += u32::from(signal != Signal::TSTP);
                if count >= LEAVES && is_stuck(&sender).await {
                    // The shims see us go, and do the rest.
                    sys::exec::exit_now(INTERRUPTED);
                }
            }
        }
    });
    Ok(receiver)
}

async fn heard_if(listener: &mut Option<Listener>) -> Option<()> {
    match listener {
        Some(listener) => listener.recv().await,
        None => pending().await,
    }
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
