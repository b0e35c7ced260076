//! What of ours runs, written down for whoever comes after us: when the supervisor and all shims are killed at one
//! instant, nobody is left to stop the rest, and the next start finds it by this.
//!
//! A process is written down with its start time, which makes its number certain until the machine is started again.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::task::spawn_blocking;

use super::clock::Clock;
use crate::model::{Pid, RunId};
use crate::shim::Step;
use crate::sys::{private, proc, session};

/// How its files end.
pub(super) const EXTENSION: &str = "runs";

/// After so long it is first looked who belongs to the runs: whoever doesn't stay is of no interest.
const FIRST: Duration = Duration::from_secs(1);

/// So often after that.
const PAUSE: Duration = Duration::from_secs(30);

/// One certain process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Certain {
    /// Its number.
    pub pid: i32,
    /// When it was started, in clock ticks since the machine was.
    pub started: u64,
}

impl Certain {
    fn of(pid: Pid) -> Option<Self> {
        Some(Self { pid: pid.0, started: proc::start_time(pid)? })
    }
}

/// A run, as it is written down.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Which: `region.server#3`.
    pub run: String,
    /// Its shim.
    pub shim: Certain,
    /// Its main process, unless that ended before it could be looked at.
    pub main: Option<Certain>,
    /// How it is stopped.
    pub ladder: Vec<Step>,
    /// What was below its shim when somebody looked.
    pub members: Vec<Certain>,
}

/// All that one supervisor runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ledger {
    /// Of which start of the machine this is true.
    pub boot: String,
    /// The supervisor.
    pub supervisor: Certain,
    /// The session in which it was started, and in which its shims are: a terminal's, as a rule.
    pub home: i32,
    /// How the markers of its runs begin.
    pub session: String,
    /// What it runs.
    pub runs: Vec<Entry>,
}

impl Ledger {
    /// The ledgers in this folder, each with its file.
    pub(super) fn all(folder: &Path) -> Vec<(PathBuf, Self)> {
        let files = fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok).map(|file| file.path());
        let ledgers = files.filter(|path| path.extension().is_some_and(|extension| extension == EXTENSION));
        ledgers.filter_map(|path| Some((path.clone(), serde_json::from_slice(&fs::read(&path).ok()?).ok()?))).collect()
    }

    /// Whether its supervisor still is.
    pub(super) fn is_live(&self) -> bool {
        let stat = proc::stat(Pid(self.supervisor.pid));
        stat.is_some_and(|stat| stat.started == self.supervisor.started && stat.state != 'Z')
    }
}

/// The ledger of this supervisor, and its file. All clones are one.
#[derive(Debug, Clone)]
pub struct LedgerFile(Arc<Mutex<Open>>);

#[derive(Debug)]
struct Open {
    path: PathBuf,
    ledger: Ledger,
}

impl LedgerFile {
    /// Begins one in this folder, for the runs whose markers begin like this. None where the system doesn't say what makes
    /// a process certain.
    pub(super) fn open(folder: &Path, session: &str) -> Option<Self> {
        let (boot, supervisor) = (proc::boot_id()?, Certain::of(session::own_pid())?);
        let path = folder.join(format!("{session}.{EXTENSION}"));
        let home = proc::stat(session::own_pid())?.session.0;
        let ledger = Ledger { boot, supervisor, home, session: session.to_owned(), runs: Vec::new() };
        Some(Self(Arc::new(Mutex::new(Open { path, ledger }))))
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes down a run.
    pub(super) fn note(&self, run: &RunId, shim: Pid, main: Pid, ladder: Vec<Step>) {
        let Some(shim) = Certain::of(shim) else { return };
        let entry = Entry { run: run.to_string(), shim, main: Certain::of(main), ladder, members: Vec::new() };
        let mut open = self.lock();
        open.ledger.runs.retain(|other| other.run != entry.run);
        open.ledger.runs.push(entry);
        open.write();
    }

    /// Strikes out a run of which nothing is left.
    pub(super) fn forget(&self, run: &RunId) {
        let (run, mut open) = (run.to_string(), self.lock());
        open.ledger.runs.retain(|entry| entry.run != run);
        open.write();
    }

    /// Looks again and again who belongs to the runs: what leaves its session and its environment behind can be known
    /// by nothing else once its parents are gone.
    pub(super) async fn keep(self, clock: Clock) {
        clock.sleep(FIRST).await;
        loop {
            let file = self.clone();
            // Some milliseconds of /proc.
            let _ = spawn_blocking(move || file.look()).await;
            clock.sleep(PAUSE).await;
        }
    }

    fn look(&self) {
        let shims: Vec<Certain> = self.lock().ledger.runs.iter().map(|entry| entry.shim).collect();
        let below = |shim: &Certain| -> Vec<Certain> {
            let mut members: Vec<_> = proc::descendants(Pid(shim.pid)).into_iter().filter_map(Certain::of).collect();
            members.sort();
            // Looked at before and after: the number was the shim's all the time.
            if Certain::of(Pid(shim.pid)) == Some(*shim) { members } else { Vec::new() }
        };
        let found: Vec<(Certain, Vec<Certain>)> = shims.iter().map(|shim| (*shim, below(shim))).collect();
        let mut open = self.lock();
        let mut news = false;
        for entry in &mut open.ledger.runs {
            if let Some((_, members)) = found.iter().find(|(shim, _)| *shim == entry.shim)
                && *members != entry.members
            {
                entry.members.clone_from(members);
                news = true;
            }
        }
        if news {
            open.write();
        }
    }

    /// Ends it. What still runs (the shims see to that, if we leave early) stays written down.
    pub fn close(&self) {
        let open = self.lock();
        if open.ledger.runs.is_empty() {
            let _ = fs::remove_file(&open.path);
        }
    }
}

impl Open {
    /// Whole or not at all. When it can't be written nothing else suffers: it is read after a `kill -9` of everything.
    fn write(&self) {
        let write = || -> io::Result<()> {
            let new = self.path.with_extension("new");
            let _ = fs::remove_file(&new);
            serde_json::to_writer(private::append(&new)?, &self.ledger)?;
            fs::rename(&new, &self.path)
        };
        let _ = write();
    }
}
