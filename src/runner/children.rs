//! The children of this process that are known, so that strays can be told from them.
//!
//! We are a subreaper: what a killed shim leaves behind becomes our child, and nobody else would end it or
//! reap it. Nobody waits for "any child" here, since that would steal the statuses that tokio waits for.
//! So whoever starts a child does it through here; everything else below us is a stray.

use std::collections::{HashMap, HashSet};
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::Duration;

use tokio::process::{Child, Command};
use tokio::time::timeout;

use crate::model::{Pid, Signal, Stray};
use crate::shim::strike;
use crate::sys::wait::Reaped;
use crate::sys::{proc, session, signal, wait};

/// How long a sweep goes on against what doesn't go away.
const PATIENCE: Duration = Duration::from_secs(2);

/// Between two looks.
const PAUSE: Duration = Duration::from_millis(2);

/// So many strays are named.
const NAMED: usize = 32;

/// Whose child a known one is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Known {
    /// Somebody waits for it.
    Held,
    /// Nobody does any more, but it may still live: a shim whose run was dropped.
    LetGo,
}

/// The known children of this process.
#[derive(Debug, Default, Clone)]
pub struct Children {
    // One lock over start-and-register and over each round of a sweep: a child that isn't registered yet
    // would be taken for a stray.
    known: Arc<Mutex<HashMap<Pid, Known>>>,
}

impl Children {
    fn lock(&self) -> MutexGuard<'_, HashMap<Pid, Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts a child that sweeps leave alone, itself and what is below it.
    pub fn start(&self, command: &mut Command) -> io::Result<Helper> {
        let mut known = self.lock();
        let child = command.spawn()?;
        let pid = child.id().and_then(|pid| i32::try_from(pid).ok()).map(Pid);
        let pid = pid.ok_or_else(|| io::Error::other("a child without a process id"))?;
        known.insert(pid, Known::Held);
        Ok(Helper { child, pid, children: self.clone(), reaped: false })
    }

    /// Does this while no child is being started.
    ///
    /// One that is being started may be stopped half-way: a Ctrl-Z reaches it too, until it is in a group of its own, and
    /// then whoever starts it waits for it for ever. So what is stopped of our children goes on until it is born.
    pub(super) fn while_none_is_born<T>(&self, act: impl FnOnce() -> T) -> T {
        let _known = loop {
            match self.known.try_lock() {
                Ok(known) => break known,
                Err(TryLockError::Poisoned(poisoned)) => break poisoned.into_inner(),
                Err(TryLockError::WouldBlock) => {}
            }
            for child in proc::children(session::own_pid()) {
                if proc::stat(child).is_some_and(|stat| stat.state == 'T') {
                    let _ = signal::send(child, Signal::CONT);
                }
            }
            std::thread::yield_now();
        };
        act()
    }

    /// Kills and reaps everything below us that isn't known. Says what it was.
    pub async fn sweep(&self) -> Vec<Stray> {
        let mut swept = Vec::new();
        let rounds = async {
            while !self.sweep_once(&mut swept) {
                tokio::time::sleep(PAUSE).await;
            }
        };
        // What is stuck in the kernel ends when it comes out of there; the next sweep reaps it.
        let _ = timeout(PATIENCE, rounds).await;
        swept
    }

    /// Waits until the children that were let go have ended, as they do by themselves; but not for long.
    pub async fn see_off(&self) {
        let ended = async {
            while self.any_let_go() {
                tokio::time::sleep(PAUSE).await;
            }
        };
        let _ = timeout(PATIENCE, ended).await;
    }

    fn any_let_go(&self) -> bool {
        let mut known = self.lock();
        if known.values().all(|held| *held == Known::Held) {
            return false;
        }
        let own: HashSet<Pid> = proc::children(session::own_pid()).into_iter().collect();
        known.retain(|pid, held| *held == Known::Held || own.contains(pid));
        known.values().any(|held| *held == Known::LetGo)
    }

    /// One round. `true` when there were no strays.
    fn sweep_once(&self, swept: &mut Vec<Stray>) -> bool {
        let mut known = self.lock();
        let own: HashSet<Pid> = proc::children(session::own_pid()).into_iter().collect();
        known.retain(|pid, held| *held == Known::Held || own.contains(pid));
        let strays: Vec<Pid> = own.into_iter().filter(|pid| !known.contains_key(pid)).collect();
        // A stray may be in the group of a helper whose child it was.
        let spare = known.keys().filter_map(|pid| session::group_of(*pid)).collect();
        strike(&strays, &spare, |struck| {
            if swept.len() < NAMED && swept.iter().all(|stray| stray.pid != struck.pid) {
                swept.push(Stray { pid: struck.pid, command: proc::command_line(struck.pid) });
            }
        });
        for stray in &strays {
            // By pid: it is our child, so the number is its own until this.
            let _: io::Result<Reaped> = wait::child(*stray);
        }
        strays.is_empty()
    }
}

/// A child that is known.
#[derive(Debug)]
pub struct Helper {
    /// The child itself.
    child: Child,
    pid: Pid,
    children: Children,
    reaped: bool,
}

impl Helper {
    /// Its process id.
    pub const fn pid(&self) -> Pid {
        self.pid
    }

    /// The child, to take its pipes from. It is waited for with `wait`, or it would stay known for ever.
    pub const fn child(&mut self) -> &mut Child {
        &mut self.child
    }

    /// Waits for its end. May be dropped and called again.
    pub async fn wait(&mut self) -> io::Result<std::process::ExitStatus> {
        let status = self.child.wait().await;
        self.reaped |= status.is_ok();
        status
    }
}

impl Drop for Helper {
    fn drop(&mut self) {
        let mut known = self.children.lock();
        if self.reaped {
            known.remove(&self.pid);
        } else {
            known.insert(self.pid, Known::LetGo);
        }
    }
}
