//! Signals that reach us: INT, TERM and HUP, as they come. What they mean is the supervisor's business.

use std::io;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

use crate::model::Signal;

/// Starts to listen; from now on these signals no longer end us.
///
/// # Errors
/// When the system refuses to tell us of signals.
pub fn interrupts() -> io::Result<mpsc::Receiver<Signal>> {
    let (sender, receiver) = mpsc::channel(8);
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hangup = signal(SignalKind::hangup())?;
    tokio::spawn(async move {
        loop {
            let heard = tokio::select! {
                Some(()) = interrupt.recv() => Signal::INT,
                Some(()) = terminate.recv() => Signal::TERM,
                Some(()) = hangup.recv() => Signal::HUP,
                () = sender.closed() => return,
            };
            // Full: eight interrupts wait already, and three of them leave at once.
            let _ = sender.try_send(heard);
        }
    });
    Ok(receiver)
}
