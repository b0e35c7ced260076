//! A command that is asked something, a probe's as a rule: it is run to its end, and says yes with 0.
//!
//! It gets a shim as any run does. So nothing that it starts outlives its answer, or us.

use std::ffi::OsString;
use std::os::fd::OwnedFd;
use std::time::Duration;

use tokio::net::unix::pipe::Receiver;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::clock::Clock;
use super::spawn::{Output, Report, Spawned, Spawner};
use crate::logs::Sanitiser;
use crate::model::{ExitStatus, Origin, RunId, StopLadder, brief};
use crate::plan::ProcessSpec;
use crate::shim::Request;

/// So much of what it said last is kept.
const TAIL: usize = 1024;

/// No more of its last line is told.
const TOLD: usize = 160;

/// How long its last words may take once nothing of it is left.
const LAST_WORDS: Duration = Duration::from_millis(200);

/// Runs a command in the folder and with the environment of a process. Dropped, it kills the command.
///
/// # Errors
/// With what there is to say when it didn't answer with 0, as it goes on after its name: `exited with 2: no response`.
pub(super) async fn ask(
    spawner: &Spawner,
    like: &ProcessSpec,
    command: &[String],
    inherited: &[(OsString, OsString)],
    run: &RunId,
    (clock, patience): (&Clock, Duration),
) -> Result<(), String> {
    let spec = ProcessSpec {
        command: command.to_vec(),
        pty: false,
        // Straight to KILL: there is nothing that it could lose.
        stop: StopLadder::default(),
        ..like.clone()
    };
    let spawned = spawner.spawn(&spec, inherited, run).await.map_err(|failure| format!("can't be run: {failure}"))?;
    let Spawned { output, control, mut reports, .. } = spawned;
    let mut words = JoinSet::new();
    if let Output::Pipes { stdout, stderr } = output {
        words.spawn(async { (Origin::Stdout, last_words(stdout).await) });
        words.spawn(async { (Origin::Stderr, last_words(stderr).await) });
    }
    let exited = async {
        match reports.next().await {
            Some(Report::Exited(status)) => Some(status),
            Some(Report::Inherited(_) | Report::Survivors(_) | Report::Gone(_) | Report::Lost) | None => None,
        }
    };
    let status = clock.timeout(patience, exited).await;
    // What it left behind goes with it; and so does it, if it takes too long.
    let _ = control.send(&Request::Kill);
    while let Some(report) = reports.next().await {
        match report {
            // Stuck in the kernel: not waited for.
            Report::Survivors(_) => break,
            Report::Exited(_) | Report::Inherited(_) | Report::Gone(_) | Report::Lost => {}
        }
    }
    match status {
        Some(Some(ExitStatus::Code(0))) => Ok(()),
        Some(Some(status)) => {
            let mut said = String::new();
            let all = async {
                while let Some(Ok((origin, words))) = words.join_next().await {
                    // What it says of an error counts more.
                    if !words.is_empty() && (origin == Origin::Stderr || said.is_empty()) {
                        said = words;
                    }
                }
            };
            let _ = timeout(LAST_WORDS, all).await;
            Err(if said.is_empty() { status.to_string() } else { format!("{status}: {said}") })
        }
        Some(None) => Err("was lost".to_owned()),
        None => Err(format!("didn't end within {}", brief(patience))),
    }
}

/// Reads to the end. The last line that isn't empty.
async fn last_words(pipe: OwnedFd) -> String {
    let Ok(receiver) = Receiver::from_owned_fd(pipe) else { return String::new() };
    let mut tail: Vec<u8> = Vec::new();
    let mut buffer = [0; 4096];
    while receiver.readable().await.is_ok() {
        match receiver.try_read(&mut buffer) {
            Ok(0) => break,
            Ok(length) => {
                tail.extend_from_slice(&buffer[..length]);
                tail.drain(..tail.len().saturating_sub(TAIL));
            }
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
            Err(_) => break,
        }
    }
    let line = tail.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii).rfind(|line| !line.is_empty());
    let mut text = Vec::new();
    Sanitiser::plain().line(line.unwrap_or_default(), &mut text);
    String::from_utf8_lossy(&text).chars().take(TOLD).collect()
}
