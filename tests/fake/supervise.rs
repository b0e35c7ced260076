//! A supervisor as small as one can be, over the library's own spawning: for tests that kill the
//! supervisor, or that sweep, which no test process can do to itself.
//!
//! `--supervise SHIM [--pipes] [--ladder SIGNAL:TARGET:MS,...] -- COMMAND...`; then it obeys the lines on
//! its standard input and says on its standard output what it hears.

use std::ffi::OsString;
use std::io::{self, BufRead, Write};
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use devserver::model::{Leftovers, ProcessName, RunId, ServiceName, Signal};
use devserver::plan::{Owner, ProcessSpec, Readiness, RestartPolicy, RestartWhen, Rung, StopLadder, Target};
use devserver::runner::{Output, Report, Spawned, Spawner};
use devserver::shim::Request;
use devserver::sys::{listeners, session};
use indexmap::IndexMap;
use tokio::net::unix::pipe::Receiver;
use tokio::sync::mpsc;

/// A process with everything that isn't said left out.
pub(super) fn spec(command: Vec<String>, pty: bool, rungs: Vec<Rung>) -> Result<ProcessSpec, String> {
    Ok(ProcessSpec {
        name: ProcessName::new("fake.server").map_err(|error| error.to_string())?,
        silo: None,
        service: ServiceName::new("server").map_err(|error| error.to_string())?,
        item: None,
        oneshot: None,
        command,
        cwd: std::env::current_dir().map_err(|error| error.to_string())?,
        env: IndexMap::new(),
        env_removed: Vec::new(),
        port: None,
        url: None,
        depends_on: Vec::new(),
        ready: Readiness {
            probes: Vec::new(),
            timeout: None,
            interval: Duration::from_millis(50),
            owner: Owner::Own,
            health_interval: Duration::from_secs(5),
            liveness: None,
        },
        stop: StopLadder { command: None, rungs },
        restart: RestartPolicy {
            when: RestartWhen::Never,
            min: Duration::from_secs(1),
            max: Duration::from_secs(1),
            reset_after: Duration::from_secs(1),
            give_up_after: 1,
        },
        pty,
        exit_on_end: false,
    })
}

fn rung(text: &str) -> Option<Rung> {
    let mut parts = text.split(':');
    let signal: Signal = parts.next()?.parse().ok()?;
    let target = if parts.next()? == "main" { Target::Main } else { Target::Group };
    Some(Rung { signal, target, timeout: Duration::from_millis(parts.next()?.parse().ok()?) })
}

fn tell(line: &str) {
    let mut out = io::stdout().lock();
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}

pub(super) fn main(arguments: &[String]) -> ExitCode {
    let result = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| error.to_string())
        .and_then(|runtime| runtime.block_on(supervise(arguments)));
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            tell(&format!("failed: {why}"));
            ExitCode::FAILURE
        }
    }
}

async fn supervise(arguments: &[String]) -> Result<(), String> {
    let mut arguments = arguments.iter();
    let shim = PathBuf::from(arguments.next().ok_or("which shim?")?);
    let (mut pty, mut rungs) = (true, Vec::new());
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--pipes" => pty = false,
            "--ladder" => rungs = arguments.next().map_or("", String::as_str).split(',').filter_map(rung).collect(),
            _ => break,
        }
    }
    let spec = spec(arguments.cloned().collect(), pty, rungs)?;
    session::become_subreaper().map_err(|error| error.to_string())?;
    let spawner = Spawner::new(shim, spec.cwd.clone());
    let run = RunId { process: spec.name.clone(), number: 1 };
    let inherited: Vec<(OsString, OsString)> = std::env::vars_os().collect();
    let Spawned { pid, shim, output, control, mut reports } =
        spawner.spawn(&spec, &inherited, &run).await.map_err(|failure| failure.to_string())?;
    tell(&format!("marker {}", spawner.marker(&run)));
    tell(&format!("spawned {pid} {shim}"));
    match output {
        Output::Pty(master) => pump(master)?,
        Output::Pipes { stdout, stderr } => {
            pump(stdout)?;
            pump(stderr)?;
        }
    }

    let (lines, mut asked) = mpsc::channel(16);
    thread::spawn(move || {
        io::stdin().lock().lines().map_while(Result::ok).try_for_each(|line| lines.blocking_send(line))
    });
    let mut helper = None;
    loop {
        tokio::select! {
            Some(report) = reports.next() => match report {
                Report::Exited(status) => tell(&format!("exited: {status}")),
                Report::Inherited(pid) => tell(&format!("inherited: {pid}")),
                Report::Survivors(pids) => tell(&format!("survivors: {pids:?}")),
                Report::Gone(Leftovers::None) => tell("gone"),
                Report::Gone(Leftovers::Swept(strays)) => tell(&format!("gone, {} swept", strays.len())),
                Report::Lost => tell("lost"),
            },
            line = asked.recv() => match line.as_deref() {
                Some("kill") => control.send(&Request::Kill).map_err(|error| error.to_string())?,
                Some("sweep") => {
                    for stray in spawner.sweep_strays().await {
                        tell(&format!("stray {stray}"));
                    }
                    tell("swept");
                }
                Some(line) if line.starts_with("owner ") => {
                    let port = line.trim_start_matches("owner ").parse().map_err(|_| "which port?")?;
                    tell(&format!("owner: {:?}", listeners::owner(port, None, shim)));
                }
                Some("helper") => {
                    let mut sleep = tokio::process::Command::new("sleep");
                    sleep.arg("100").stdin(std::process::Stdio::null());
                    let started = spawner.children().start(&mut sleep).map_err(|error| error.to_string())?;
                    tell(&format!("helper {}", started.pid()));
                    helper = Some(started);
                }
                Some("end helper") => {
                    if let Some(mut helper) = helper.take() {
                        helper.child().start_kill().map_err(|error| error.to_string())?;
                        let status = helper.wait().await.map_err(|error| error.to_string())?;
                        tell(&format!("helper ended: {status}"));
                    }
                }
                Some(other) => return Err(format!("`{other}`?")),
                None => return Ok(()),
            },
        }
    }
}

/// Says what the run prints: one task for each end.
fn pump(end: OwnedFd) -> Result<(), String> {
    // Unchecked: it may be a terminal, which is read in the same way.
    let end = Receiver::from_owned_fd_unchecked(end).map_err(|error| error.to_string())?;
    tokio::spawn(async move {
        let mut buffer = [0; 4096];
        while end.readable().await.is_ok() {
            match end.try_read(&mut buffer) {
                Ok(0) => break,
                Ok(length) => {
                    let text = String::from_utf8_lossy(&buffer[..length]);
                    text.lines().for_each(|line| tell(&format!("output: {line}")));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(_) => break,
            }
        }
    });
    Ok(())
}
