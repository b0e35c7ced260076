//! What a split says: its lines on standard output, a bar on standard error where that is a terminal.

use std::sync::Mutex;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use crate::database::Voice;

use super::super::main::say;

/// Says it.
#[derive(Debug)]
pub struct Teller {
    verbose: bool,
    is_terminal: bool,
    bar: Mutex<Option<(ProgressBar, u64, u64)>>,
}

impl Teller {
    /// Says more if `verbose`; draws a bar if there is a terminal.
    pub fn new(verbose: bool, is_terminal: bool) -> Self {
        Self { verbose, is_terminal, bar: Mutex::new(None) }
    }

    fn line(&self, line: &str) {
        let bar = self.bar.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        match bar.as_ref() {
            Some((bar, ..)) => bar.suspend(|| say(&format!("{line}\n"))),
            None => say(&format!("{line}\n")),
        }
    }
}

impl Voice for Teller {
    fn say(&self, line: &str) {
        self.line(line);
    }

    fn detail(&self, line: &str) {
        if self.verbose {
            self.line(&format!("   {line}"));
        }
    }

    fn ahead(&self, doing: &str, bytes: u64, tables: u64) {
        if !self.is_terminal {
            return;
        }
        let style = ProgressStyle::with_template(
            "   {prefix} [{bar:30}] {decimal_bytes} of {decimal_total_bytes}, {msg} {decimal_bytes_per_sec}",
        );
        let bar = ProgressBar::new(bytes).with_prefix(doing.to_owned());
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()).progress_chars("=> "));
        bar.enable_steady_tick(Duration::from_millis(200));
        *self.bar.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Some((bar, 0, tables));
        self.done(0, 0);
    }

    fn done(&self, bytes: u64, tables: u64) {
        let mut bar = self.bar.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some((bar, done, all)) = bar.as_mut() {
            *done += tables;
            bar.inc(bytes);
            if tables > 0 || *done == 0 {
                bar.set_message(format!("{done} of {all} tables"));
            }
        }
    }

    fn over(&self) {
        if let Some((bar, ..)) = self.bar.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take() {
            bar.finish_and_clear();
        }
    }
}
