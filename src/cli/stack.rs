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
}

/// The folder for what belongs to the stacks of one checkout while they run.
#[derive(Debug, Clone)]
pub struct RuntimeFolder(PathBuf);

impl RuntimeFolder {
    /// Where it is: below `$XDG_RUNTIME_DIR`, else below `/tmp`; named after the checkout's real path.
    pub fn of(checkout: &Path, env: &Env) -> Self {
        let real = checkout.canonicalize().unwrap_or_else(|_| checkout.to_path_buf());
        let digest = Sha256::digest(real.as_os_str().as_encoded_bytes());
        let name: String = digest.iter().take(6).map(|byte| format!("{byte:02x}")).collect();
        let given = env.get("XDG_RUNTIME_DIR").filter(|folder| Path::new(folder).is_dir());
        let base = match given {
            Some(folder) => Path::new(folder).join("devserver"),
            None => PathBuf::from(format!("/tmp/devserver-{}", user::ids().0)),
        };
        Self(base.join(name))
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
        for folder in [base, &self.0] {
            match std::fs::DirBuilder::new().mode(0o700).create(folder) {
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                    let message = format!("the folder {} can't be made: {error}", folder.display());
                    return Err(Failure::new(
                        Exit::Refused,
                        message,
                        "set XDG_RUNTIME_DIR to a folder that you can write to".to_owned(),
                    ));
                }
                _ => ours_alone(folder)?,
            }
        }
        Ok(())
    }

    fn lock_file(&self, silo: &str) -> PathBuf {
        self.0.join(format!("{silo}.lock"))
    }

    /// The stacks of this checkout that are up now, each once.
    pub fn live(&self) -> Vec<Record> {
        let files = std::fs::read_dir(&self.0).into_iter().flatten().filter_map(Result::ok);
        let mut paths: Vec<PathBuf> =
            files.map(|file| file.path()).filter(|path| path.extension().is_some_and(|e| e == "lock")).collect();
        paths.sort();
        let records = paths.iter().filter_map(|path| serde_json::from_str::<Record>(&Lock::holder(path)?).ok());
        let mut live: Vec<Record> = Vec::new();
        for record in records {
            if !live.iter().any(|other| other.pid == record.pid) {
                live.push(record);
            }
        }
        live
    }

    /// Takes the locks of the plan's silos.
    ///
    /// # Errors
    /// When another stack has one of them; the message says which and whose.
    pub fn take(&self, plan: &Plan, command: &str) -> Result<Vec<Lock>, Failure> {
        self.make()?;
        let mut silos: Vec<&SiloName> = plan.silos.iter().filter(|silo| silo.selected).map(|silo| &silo.name).collect();
        silos.sort();
        let record = serde_json::to_string(&record(plan, command)).expect("a record is text and numbers");
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
        Ok(held)
    }

    /// Removes the folder if nothing of another stack is in it.
    pub fn tidy_up(&self) {
        // A folder that isn't empty stays: another silo of this checkout is up.
        let _ = std::fs::remove_dir(&self.0);
        let _ = self.0.parent().map(std::fs::remove_dir);
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

fn record(plan: &Plan, command: &str) -> Record {
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
    let trouble = Trouble::new(message, Some("stop it with Ctrl-C in its terminal, or start another silo".to_owned()));
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
