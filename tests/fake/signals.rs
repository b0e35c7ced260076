//! What the fake service does about signals: blocks some, notes others.

use std::process;
use std::thread;

use nix::sys::signal::{SigSet, Signal};

use super::{Wishes, append};

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

/// Blocks these for this thread and all that it starts. What it executes starts without.
pub(super) fn ignore(signals: &[Signal]) {
    let _ = signals.iter().copied().collect::<SigSet>().thread_block();
}

/// Begins to ignore and to take note.
pub(super) fn prepare(wishes: &Wishes) {
    ignore(&wishes.ignore);
    let ends_slowly = !wishes.slow_stop.is_zero();
    if wishes.record.is_none() && !ends_slowly {
        return;
    }
    let noted: SigSet = NOTED.iter().copied().collect();
    let _ = noted.thread_block();
    let wishes = wishes.clone();
    thread::spawn(move || {
        while let Ok(signal) = noted.wait() {
            if let Some(record) = &wishes.record {
                append(record, &format!("got {}\n", signal.as_str().trim_start_matches("SIG")));
            }
            let ends = matches!(signal, Signal::SIGHUP | Signal::SIGINT | Signal::SIGQUIT | Signal::SIGTERM);
            if ends && !wishes.ignore.contains(&signal) {
                super::pause::pause(wishes.slow_stop);
                process::exit(0);
            }
        }
    });
}
