//! What the fake service does about signals: blocks some, notes others.

use std::process;
use std::thread;

use nix::sys::signal::{SigSet, Signal};

use super::pause::wait_until;
use super::{Wishes, note};

/// What a recording service takes note of.
const NOTED: [Signal; 8] = [
    Signal::SIGHUP,
    Signal::SIGINT,
    Signal::SIGQUIT,
    Signal::SIGTERM,
    Signal::SIGUSR1,
    Signal::SIGUSR2,
    Signal::SIGPIPE,
    Signal::SIGWINCH,
];

/// `TERM` or `SIGTERM`.
pub(super) fn parse(name: &str) -> Result<Signal, String> {
    let full = if name.starts_with("SIG") { name.to_owned() } else { format!("SIG{name}") };
    full.parse().map_err(|_| format!("`{name}` isn't a signal"))
}

pub(super) fn parse_list(names: &str) -> Result<Vec<Signal>, String> {
    names.split(',').filter(|name| !name.is_empty()).map(parse).collect()
}

/// Blocks these for this thread and all that it starts. What it executes starts with them blocked, unless that says otherwise.
pub(super) fn ignore(signals: &[Signal]) {
    let _ = signals.iter().copied().collect::<SigSet>().thread_block();
}

/// Begins to ignore and to take note.
pub(super) fn prepare(wishes: &Wishes) {
    ignore(&wishes.ignore);
    let ends_slowly = !wishes.slow_stop.is_zero();
    if wishes.record.is_none() && wishes.journal.is_none() && !ends_slowly {
        return;
    }
    let noted: SigSet = NOTED.iter().copied().collect();
    let _ = noted.thread_block();
    let wishes = wishes.clone();
    thread::spawn(move || {
        while let Ok(signal) = noted.wait() {
            note(&wishes, &format!("got {}", signal.as_str().trim_start_matches("SIG")));
            let ends = matches!(signal, Signal::SIGHUP | Signal::SIGINT | Signal::SIGQUIT | Signal::SIGTERM);
            if ends && !wishes.ignore.contains(&signal) {
                wait_for_others(&wishes);
                super::pause::pause(wishes.slow_stop);
                process::exit(0);
            }
        }
    });
}

/// Waits until the journal has what is to come before our end; a stop that takes longer ends in a KILL anyway.
fn wait_for_others(wishes: &Wishes) {
    if let (Some(text), Some(journal)) = (&wishes.ends_after, &wishes.journal) {
        wait_until(|| std::fs::read_to_string(journal).unwrap_or_default().contains(text.as_str()));
    }
}
