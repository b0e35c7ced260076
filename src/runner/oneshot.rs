//! What oneshots need beside a run: one setting up at a time in a checkout, and a memory of what was done.
//!
//! Two supervisors of one checkout that start at once would both make its virtualenv. The lock is the
//! checkout's; the oneshots of one supervisor share it and run side by side as their dependencies allow.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::sleep;

use crate::model::ProcessName;
use crate::plan::{Oneshot, ProcessSpec};
use crate::supervise::Input;
use crate::sys::flock::{Lock, LockError};
use crate::sys::{proc, session};

/// Between two looks at a lock that another supervisor has. It isn't waited for on a thread: a thread that
/// waits can't be told to stop.
const PAUSE: Duration = Duration::from_millis(100);

/// The right to set up this checkout, shared by the oneshots of one supervisor.
#[derive(Debug, Clone)]
pub(super) struct Setup {
    root: PathBuf,
    shared: Arc<Mutex<Shared>>,
}

#[derive(Debug, Default)]
struct Shared {
    lock: Option<Lock>,
    at_work: Vec<ProcessName>,
    /// Whom we said that we wait for.
    said: Option<String>,
}

/// What came of looking for the lock.
enum Look {
    Ours,
    /// Somebody else's; what it says of itself, unless that was said.
    Theirs(Option<String>),
}

/// One oneshot at work. The last one lets go of the lock.
#[derive(Debug)]
pub(super) struct AtWork {
    setup: Setup,
    process: ProcessName,
}

impl Setup {
    pub(super) fn new(root: &Path) -> Self {
        Self { root: root.to_owned(), shared: Arc::default() }
    }

    fn shared(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until no other supervisor sets up this checkout, and says, once, who does.
    ///
    /// # Errors
    /// When the lock can't be used.
    pub(super) async fn begin(&self, process: &ProcessName, news: &mpsc::Sender<Input>) -> io::Result<AtWork> {
        loop {
            match self.look(process)? {
                Look::Ours => return Ok(AtWork { setup: self.clone(), process: process.clone() }),
                Look::Theirs(record) => {
                    if let Some(record) = record {
                        let _ = news.send(Input::Noted(format!("waiting for {record}"))).await;
                    }
                    sleep(PAUSE).await;
                }
            }
        }
    }

    fn look(&self, process: &ProcessName) -> io::Result<Look> {
        let mut shared = self.shared();
        if shared.lock.is_none() {
            let folder = self.root.join(".devserver/locks");
            fs::create_dir_all(&folder)?;
            match Lock::take(&folder.join("setup.lock"), &record(std::slice::from_ref(process))) {
                Ok(lock) => shared.lock = Some(lock),
                Err(LockError::Held { record }) => {
                    let news = shared.said.as_ref() != Some(&record);
                    shared.said = Some(record.clone());
                    return Ok(Look::Theirs(news.then_some(record)));
                }
                Err(LockError::Io { source, .. }) => return Err(source),
            }
        }
        shared.said = None;
        shared.at_work.push(process.clone());
        shared.rewrite();
        Ok(Look::Ours)
    }

    /// Whether the work of a oneshot is done, looked at anew: by another supervisor, as a rule.
    pub(super) fn is_done(&self, process: &ProcessName, oneshot: &Oneshot) -> bool {
        let comparable = oneshot.digest.is_some() || !oneshot.creates.is_empty();
        let there = oneshot.creates.iter().all(|path| self.root.join(path).exists());
        let remembered = fs::read_to_string(self.remembered_at(process)).ok();
        comparable && there && (oneshot.digest.is_none() || remembered == oneshot.digest)
    }

    /// Notes that a oneshot succeeded with the inputs that it has now.
    ///
    /// # Errors
    /// When that can't be written.
    pub(super) fn remember(&self, spec: &ProcessSpec) -> io::Result<()> {
        let Some(digest) = spec.oneshot.as_ref().and_then(|oneshot| oneshot.digest.as_ref()) else { return Ok(()) };
        let path = self.remembered_at(&spec.name);
        let new = path.with_extension("new");
        fs::create_dir_all(self.root.join(".devserver/oneshot"))?;
        // Whole or not at all: half a digest would only cost a second run, but a rename costs nothing.
        fs::write(&new, digest)?;
        fs::rename(&new, &path)
    }

    fn remembered_at(&self, process: &ProcessName) -> PathBuf {
        self.root.join(".devserver/oneshot").join(format!("{process}.digest"))
    }
}

impl Shared {
    fn rewrite(&mut self) {
        if let Some(lock) = &mut self.lock {
            // A record is for a message; the lock holds without it.
            let _ = lock.write(&record(&self.at_work));
        }
    }
}

impl Drop for AtWork {
    fn drop(&mut self) {
        let mut shared = self.setup.shared();
        if let Some(at) = shared.at_work.iter().position(|name| *name == self.process) {
            shared.at_work.swap_remove(at);
        }
        if shared.at_work.is_empty() {
            shared.lock = None;
        } else {
            shared.rewrite();
        }
    }
}

/// What others read who wait for us.
fn record(at_work: &[ProcessName]) -> String {
    let own = session::own_pid();
    let names: Vec<String> = at_work.iter().map(|name| format!("`{name}`")).collect();
    format!("pid {own} ({}), which is setting up {}", proc::command_line(own), names.join(" and "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> ProcessName {
        ProcessName::new(text).expect("a name")
    }

    async fn begin(setup: &Setup, process: &str) -> AtWork {
        setup.begin(&name(process), &mpsc::channel(4).0).await.expect("the lock can be used")
    }

    #[tokio::test]
    async fn a_second_supervisor_waits_and_says_for_whom() {
        let folder = tempfile::tempdir().expect("a folder");
        let (first, second) = (Setup::new(folder.path()), Setup::new(folder.path()));
        let venv = begin(&first, "venv").await;
        let npm = begin(&first, "npm").await;
        let (news, mut said) = mpsc::channel(4);
        let waiting =
            tokio::spawn(async move { second.begin(&name("venv"), &news).await.expect("the lock can be used") });
        let Some(Input::Noted(text)) = said.recv().await else { panic!("it says for whom it waits") };
        assert!(text.starts_with(&format!("waiting for pid {} (", session::own_pid())), "{text}");
        assert!(text.ends_with("), which is setting up `venv` and `npm`"), "{text}");
        drop(venv);
        drop(npm);
        waiting.await.expect("no panic");
        // The holder's record changed on the way, which may have been said too.
        assert!(said.recv().await.is_none_or(|input| matches!(input, Input::Noted(_))));
    }

    #[test]
    fn work_is_done_when_what_it_creates_is_there_and_its_digest_is_the_same() {
        let folder = tempfile::tempdir().expect("a folder");
        let setup = Setup::new(folder.path());
        let oneshot = |creates: &[&str], digest: Option<&str>| Oneshot {
            stale: true,
            creates: creates.iter().map(PathBuf::from).collect(),
            inputs: Vec::new(),
            variables: Vec::new(),
            digest: digest.map(str::to_owned),
        };
        assert!(!setup.is_done(&name("a"), &oneshot(&[], None)), "nothing to compare: it runs every time");
        assert!(!setup.is_done(&name("a"), &oneshot(&[".venv"], None)));
        fs::create_dir(folder.path().join(".venv")).expect("a folder");
        assert!(setup.is_done(&name("a"), &oneshot(&[".venv"], None)));
        assert!(!setup.is_done(&name("a"), &oneshot(&[".venv"], Some("d1"))));
        fs::create_dir_all(folder.path().join(".devserver/oneshot")).expect("a folder");
        fs::write(folder.path().join(".devserver/oneshot/a.digest"), "d1").expect("it is written");
        assert!(setup.is_done(&name("a"), &oneshot(&[".venv"], Some("d1"))));
        assert!(!setup.is_done(&name("a"), &oneshot(&[".venv"], Some("d2"))));
    }
}
