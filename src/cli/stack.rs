//! Which stacks of a checkout are up: one lock for each silo, in a folder that only we can write to.
//!
//! A lock ends with its holder, however that ends; its file says who holds it. Taken in the order of the
//! names, so that of two that start at once one wins and the other says who won.

use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::control::short_enough;
use crate::model::{Pid, SiloName};
use crate::plan::{LiveStack, Plan};
use crate::sys::flock::{Lock, LockError};
use crate::sys::{session, user};

use super::discover::Env;
use super::exit_code::Exit;
use super::report::{Failure, Trouble};

/// What a holder writes about itself.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Record {
    /// Its supervisor.
    pub pid: i32,
    /// Since when, in seconds of the epoch.
    pub since: i64,
    /// The command line, as one types it.
    pub command: String,
    /// Where its first port is.
    pub address: String,
    /// The flags that move its ports, as one types them.
    pub port_flags: Vec<String>,
    /// Its silos with their ports.
    pub silos: IndexMap<String, Option<u16>>,
    /// The project's folder.
    pub folder: PathBuf,
    /// Where it can be talked to, once it is under way.
    pub socket: PathBuf,
    /// In which runtime folder it was found.
    #[serde(skip)]
    pub found: PathBuf,
}

/// The locks of a stack, and the name of the socket that goes with them.
#[derive(Debug)]
pub struct Hold {
    /// Where the locks are.
    pub folder: RuntimeFolder,
    /// The folder of the journals.
    pub journals: PathBuf,
    /// The locks. The socket is removed while they are still held.
    pub locks: Vec<Lock>,
    /// The socket.
    pub socket: PathBuf,
    /// What is written in the locks.
    pub record: Record,
}

/// The folder for what belongs to the stacks of one checkout while they run.
#[derive(Debug, Clone)]
pub struct RuntimeFolder(PathBuf);

impl RuntimeFolder {
    /// Where it is: below `$XDG_RUNTIME_DIR`, else below `/tmp`; named after the checkout's real path.
    pub fn of(checkout: &Path, env: &Env) -> Self {
        let real = checkout.canonicalize().unwrap_or_else(|_| checkout.to_path_buf());
        let given = env.get("XDG_RUNTIME_DIR").filter(|folder| Path::new(folder).is_dir());
        let base = match given {
            Some(folder) => Path::new(folder).join("devserver"),
            None => temporary(),
        };
        Self(base.join(digest(&real, 6)))
    }

    /// Its path.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Makes it, readable by us alone.
    ///
    /// # Errors
    /// When it can't be made, or belongs to somebody else: whoever can write there could pose as us.
    pub fn make(&self) -> Result<(), Failure> {
        let base = self.0.parent().unwrap_or(&self.0);
        [base, &self.0].into_iter().try_for_each(make)
    }

    fn lock_file(&self, silo: &str) -> PathBuf {
        self.0.join(format!("{silo}.lock"))
    }

    /// The socket of the stack that holds this silo, its first one. A name that is too long for a socket becomes a
    /// digest of itself, in a folder with a short name.
    fn socket(&self, silo: &str) -> PathBuf {
        let path = self.0.join(format!("{silo}.sock"));
        match short_enough(&path) {
            true => path,
            false => temporary().join(format!("{}.sock", digest(&path, 12))),
        }
    }

    /// The stacks of other checkouts that are up now.
    pub fn elsewhere(&self) -> Vec<Record> {
        let bases = [self.0.parent().map(Path::to_path_buf), Some(temporary())];
        let mut folders: Vec<PathBuf> = Vec::new();
        for base in bases.into_iter().flatten() {
            let entries = std::fs::read_dir(base).into_iter().flatten().flatten().map(|entry| entry.path());
            folders.extend(entries.filter(|path| path.is_dir() && *path != self.0));
        }
        folders.sort();
        folders.dedup();
        folders.into_iter().flat_map(|folder| Self(folder).live()).collect()
    }

    /// The stacks of this checkout that are up now, each once.
    pub fn live(&self) -> Vec<Record> {
        let files = std::fs::read_dir(&self.0).into_iter().flatten().filter_map(Result::ok);
        let mut paths: Vec<PathBuf> =
            files.map(|file| file.path()).filter(|path| path.extension().is_some_and(|e| e == "lock")).collect();
        paths.sort();
        let records = paths.iter().filter_map(|path| serde_json::from_str::<Record>(&Lock::holder(path)?).ok());
        let mut live: Vec<Record> = Vec::new();
        for mut record in records {
            record.found.clone_from(&self.0);
            if !live.iter().any(|other| other.pid == record.pid) {
                live.push(record);
            }
        }
        live
    }

    /// Whether the stack of this record still holds its locks.
    pub fn is_up(record: &Record) -> bool {
        // By the pid: the same silo may have been taken by another since.
        Self(record.found.clone()).live().iter().any(|live| live.pid == record.pid)
    }

    /// Takes the locks of the plan's silos.
    ///
    /// # Errors
    /// When another stack has one of them; the message says which and whose.
    pub fn take(&self, plan: &Plan, checkout: &Path, command: &str) -> Result<Hold, Failure> {
        self.make()?;
        let mut silos: Vec<&SiloName> = plan.silos.iter().filter(|silo| silo.selected).map(|silo| &silo.name).collect();
        silos.sort();
        let socket = self.socket(silos.first().map_or("none", |silo| silo.as_str()));
        if socket.parent() != Some(&*self.0) {
            make(&temporary())?;
        }
        let own = Record { folder: checkout.to_owned(), ..record(plan, command, socket.clone()) };
        let record = serde_json::to_string(&own).expect("a record is text and numbers");
        let mut held = Vec::new();
        for silo in silos {
            match Lock::take(&self.lock_file(silo.as_str()), &record) {
                Ok(lock) => held.push(lock),
                Err(LockError::Held { record }) => {
                    return Err(already_running(silo.as_str(), serde_json::from_str(&record).ok()));
                }
                Err(error @ LockError::Io { .. }) => {
                    let hint = "set XDG_RUNTIME_DIR to a folder that you can write to".to_owned();
                    return Err(Failure::new(
                        Exit::Refused,
                        format!("the lock of silo `{silo}` can't be taken: {error}"),
                        hint,
                    ));
                }
            }
        }
        Ok(Hold { folder: self.clone(), journals: PathBuf::new(), locks: held, socket, record: own })
    }

    /// Removes the folder if nothing of another stack is in it.
    pub fn tidy_up(&self) {
        // A folder that isn't empty stays: another silo of this checkout is up.
        let _ = std::fs::remove_dir(&self.0);
        let _ = self.0.parent().map(std::fs::remove_dir);
    }
}

/// Where there is no runtime folder of the user's, and for names that are too long.
fn temporary() -> PathBuf {
    PathBuf::from(format!("/tmp/devserver-{}", user::ids().0))
}

fn digest(path: &Path, bytes: usize) -> String {
    let digest = Sha256::digest(path.as_os_str().as_encoded_bytes());
    digest.iter().take(bytes).map(|byte| format!("{byte:02x}")).collect()
}

fn make(folder: &Path) -> Result<(), Failure> {
    match std::fs::DirBuilder::new().mode(0o700).create(folder) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
            let message = format!("the folder {} can't be made: {error}", folder.display());
            let hint = "set XDG_RUNTIME_DIR to a folder that you can write to".to_owned();
            Err(Failure::new(Exit::Refused, message, hint))
        }
        _ => ours_alone(folder),
    }
}

fn ours_alone(folder: &Path) -> Result<(), Failure> {
    let refuse = |why: String| {
        let message = format!("refusing to use {}: {why}", folder.display());
        let hint = "set XDG_RUNTIME_DIR to a folder that only you can write to, or have this one removed by its owner";
        Failure::new(Exit::Refused, message, hint.to_owned())
    };
    let meta = std::fs::symlink_metadata(folder).map_err(|error| refuse(error.to_string()))?;
    let (uid, _) = user::ids();
    if !meta.is_dir() {
        return Err(refuse("it isn't a folder".to_owned()));
    }
    if meta.uid() != uid {
        return Err(refuse(format!("it belongs to user {}, not to you", meta.uid())));
    }
    if meta.mode() & 0o077 != 0 {
        return Err(refuse(format!("others may use it (mode {:o})", meta.mode() & 0o777)));
    }
    Ok(())
}

fn record(plan: &Plan, command: &str, socket: PathBuf) -> Record {
    let own = plan.silos.iter().filter(|silo| silo.selected);
    #[expect(clippy::disallowed_methods, reason = "the start of a stack is stamped here")]
    let since = jiff::Timestamp::now().as_second();
    Record {
        pid: session::own_pid().0,
        since,
        command: command.to_owned(),
        address: plan.address.clone(),
        port_flags: plan.port_flags.clone(),
        silos: own.map(|silo| (silo.name.to_string(), silo.port)).collect(),
        folder: plan.root.clone(),
        socket,
        found: PathBuf::new(),
    }
}

/// The failure of a start whose silo another stack has.
pub fn already_running(silo: &str, holder: Option<Record>) -> Failure {
    let Some(holder) = holder else {
        return Failure::new(Exit::AlreadyRunning, format!("silo `{silo}` is already running here"), None);
    };
    let since = jiff::Timestamp::from_second(holder.since).map_or_else(
        |_| String::new(),
        |since| {
            let local = jiff::tz::TimeZone::system().to_datetime(since);
            format!(", since {}", local.strftime("%H:%M:%S"))
        },
    );
    let message = format!("silo `{silo}` is already running here: pid {}{since}", holder.pid);
    let hint = "look at it with `devserver ps`, follow it with `devserver logs -f`, stop it with `devserver down`";
    let trouble = Trouble::new(message, Some(hint.to_owned()));
    Failure::all(Exit::AlreadyRunning, vec![trouble.note(format!("it was started with: {}", holder.command))])
}

impl Record {
    /// What the planner wants to know of it.
    pub fn to_live(&self) -> LiveStack {
        let with_port = self.silos.iter().filter_map(|(name, port)| Some((name.clone(), (*port)?)));
        LiveStack {
            pid: Pid(self.pid),
            address: self.address.clone(),
            port_flags: self.port_flags.clone(),
            silos: with_port.collect(),
        }
    }
}
