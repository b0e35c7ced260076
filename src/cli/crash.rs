//! When we break: a panic in any thread or task ends the whole supervisor.
//!
//! A task that is missing would be worse than no supervisor: a loop that nobody turns hears no Ctrl-C. The
//! shims see us go and stop their services by their ladders, as after `kill -9`. What is said holds neither
//! the environment nor the command line.

use std::backtrace::Backtrace;
use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::panic::{self, PanicHookInfo};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use crate::logs::{Mask, escaped};
use crate::sys::termios::Settings;
use crate::sys::{exec, private};

use super::exit_code::Exit;

/// From now on a panic is the end: the terminal as it was, a word about it, a report in the project's folder.
pub(super) fn prepare(project: &Path, mask: Arc<Mask>) {
    let folder = project.join(".devserver");
    let terminal = Mutex::new(Settings::of(io::stdin()));
    panic::set_hook(Box::new(move |info| {
        // Held to the end: who breaks at the same time waits here, and the report stays whole.
        let held = terminal.lock();
        // Only when it isn't as it was: who is in the background may not even set what is set already.
        if let Ok(Some(before)) = held.as_deref()
            && Settings::of(io::stdin()).is_some_and(|now| now != *before)
        {
            let _ = before.apply(io::stdin());
        }
        let told = told(info, &mask);
        let kept = keep(&folder, &told);
        let _ = io::stderr().lock().write_all(said(&told, kept).as_bytes());
        exec::exit_now(i32::from(Exit::Bug.code()));
    }));
}

/// What happened, in a line.
fn told(info: &PanicHookInfo<'_>, mask: &Mask) -> String {
    let text = info.payload_as_str().unwrap_or("no words");
    let place = info.location().map(|at| format!(" ({}:{})", at.file(), at.line())).unwrap_or_default();
    let thread = std::thread::current().name().map(|name| format!(", thread {name}")).unwrap_or_default();
    format!("{}{place}{thread}", escaped(&mask.text(text)))
}

/// Writes the report, for our eyes only. Where it is, if it could be written.
fn keep(folder: &Path, told: &str) -> Option<PathBuf> {
    let mut text = format!("devserver {}\n{told}\n\n", env!("CARGO_PKG_VERSION"));
    let _ = write!(text, "{}", Backtrace::force_capture());
    let path = folder.join("crash.txt");
    private::folder(folder).ok()?;
    let mut file = private::append(&path).ok()?;
    // The latest only.
    file.set_len(0).and_then(|()| file.write_all(text.as_bytes())).ok()?;
    Some(path)
}

fn said(told: &str, kept: Option<PathBuf>) -> String {
    let mut said = format!("\nerror: devserver has a fault of its own and ends: {told}\n");
    said.push_str("  = what it started is being stopped; nothing of it stays\n");
    if let Some(path) = kept {
        let _ = writeln!(said, "  help: report it, with {} (no environment is in it)", path.display());
    }
    said
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_says_what_broke_and_where_the_report_is() {
        assert_eq!(
            said("index out of range (src/a.rs:3), thread printer", Some("/p/.devserver/crash.txt".into())),
            "\nerror: devserver has a fault of its own and ends: index out of range (src/a.rs:3), thread printer\n  \
             = what it started is being stopped; nothing of it stays\n  \
             help: report it, with /p/.devserver/crash.txt (no environment is in it)\n"
        );
    }
}
