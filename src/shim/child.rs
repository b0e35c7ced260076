//! From fork to exec: the service as it expects to find itself.
//!
//! Whatever can be prepared is prepared before the fork. The shim has one thread, so the child may do what it
//! likes, but it does little: it is our image until the exec.

use std::ffi::{CStr, CString};
use std::fs;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, OwnedFd};

use super::explain;
use super::protocol::{Failure, Raw, Spec};
use crate::model::{Pid, Signal, SpawnStep};
use crate::sys::exec::{self, Strings};
use crate::sys::pipe::Pipe;
use crate::sys::session::{self, Fork};
use crate::sys::{limits, signal, wait};

/// Where programs are looked for when there is no PATH, as libc does it.
const DEFAULT_PATH: &[u8] = b"/bin:/usr/bin";

/// How much likelier than us a service is chosen when memory runs out.
const OOM_BIAS: i32 = 100;

/// What the child couldn't do.
#[derive(Debug, Clone, Copy)]
pub(super) struct Refusal {
    pub(super) step: SpawnStep,
    /// The system's number for the reason.
    pub(super) errno: i32,
    /// Which of the candidates it was about; none when the program is nowhere.
    pub(super) candidate: Option<usize>,
}

/// Everything that the child needs, made before the fork.
struct Prepared {
    candidates: Vec<CString>,
    arguments: Strings,
    environment: Strings,
    cwd: CString,
    input: OwnedFd,
    shim: Pid,
    oom: Option<String>,
}

/// Starts the service, with our descriptors 1 and 2 as its output. Returns when its program executes.
#[expect(unsafe_code, reason = "this is where the fork is")]
pub(super) fn start(spec: &Spec) -> Result<Pid, Failure> {
    let prepared = prepare(spec)?;
    let fork_failed = |error: io::Error| explain::refused_fork(&error);
    let pipe = Pipe::new().map_err(fork_failed)?;
    // SAFETY: a shim has one thread and starts no other.
    match unsafe { session::fork() }.map_err(fork_failed)? {
        Fork::Child => {
            let refusal = become_service(spec, &prepared);
            let mut write = fs::File::from(pipe.write);
            let _ = write.write_all(&to_bytes(refusal));
            exec::exit_now(127)
        }
        Fork::Parent(pid) => {
            drop(pipe.write);
            let mut answer = Vec::new();
            // The pipe closes when the program executes.
            let read = fs::File::from(pipe.read).read_to_end(&mut answer);
            match read.ok().and_then(|_| from_bytes(&answer)) {
                None => Ok(pid),
                Some(refusal) => {
                    let _ = wait::block(pid);
                    Err(explain::refused(spec, refusal, &prepared.candidates))
                }
            }
        }
    }
}

fn prepare(spec: &Spec) -> Result<Prepared, Failure> {
    let strings = |texts: Vec<Vec<u8>>, what: &str| -> Result<Vec<CString>, Failure> {
        let made: Result<Vec<_>, _> = texts.into_iter().map(CString::new).collect();
        made.map_err(|error| explain::has_nul(what, &String::from_utf8_lossy(&error.into_vec())))
    };
    let assignments = spec.env.iter().map(|(name, value)| [name.0.as_slice(), b"=", value.0.as_slice()].concat());
    let input: Result<OwnedFd, io::Error> = if spec.pty {
        io::stdout().as_fd().try_clone_to_owned()
    } else {
        fs::File::open("/dev/null").map(OwnedFd::from)
    };
    let own_bias = fs::read_to_string("/proc/self/oom_score_adj").ok().and_then(|text| text.trim().parse().ok());
    Ok(Prepared {
        candidates: strings(candidates(spec), "program")?,
        arguments: Strings::new(strings(spec.argv.iter().map(|raw| raw.0.clone()).collect(), "argument")?),
        environment: Strings::new(strings(assignments.collect(), "variable")?),
        cwd: strings(vec![spec.cwd.0.clone()], "folder")?.pop().unwrap_or_default(),
        input: input.map_err(|error| explain::refused_fork(&error))?,
        shim: session::own_pid(),
        oom: own_bias.map(|own: i32| own.saturating_add(OOM_BIAS).min(1000).to_string()),
    })
}

/// The files that the program may be, in order: one if it is named with a folder, else one for each on the
/// service's own PATH.
fn candidates(spec: &Spec) -> Vec<Vec<u8>> {
    let Some(Raw(program)) = spec.argv.first().filter(|program| !program.0.is_empty()) else { return Vec::new() };
    if program.contains(&b'/') {
        return vec![program.clone()];
    }
    let path = spec.env.iter().rev().find(|(name, _)| name.0 == b"PATH");
    let path = path.map_or(DEFAULT_PATH, |(_, path)| path.0.as_slice());
    let folders = path.split(|byte| *byte == b':').map(|folder| if folder.is_empty() { b"." } else { folder });
    folders.map(|folder| [folder, b"/", program].concat()).collect()
}

/// Runs in the child, up to its exec. Returns only what failed.
fn become_service(spec: &Spec, prepared: &Prepared) -> Refusal {
    let step = |step, result: io::Result<()>| {
        result.map_err(|error| Refusal { step, errno: error.raw_os_error().unwrap_or(0), candidate: None })
    };
    let setup = || -> Result<(), Refusal> {
        step(SpawnStep::Session, session::new_session())?;
        step(SpawnStep::Terminal, exec::install(&prepared.input, 0))?;
        if spec.pty {
            step(SpawnStep::Terminal, session::take_terminal(io::stdin()))?;
        }
        if let Some(soft) = spec.open_files {
            // Refused only when the hard limit is lower, and then that one holds.
            let _ = limits::set_open_files(soft);
        }
        if let Some(bias) = &prepared.oom {
            // Not allowed in some containers; nothing depends on it.
            let _ = fs::write("/proc/self/oom_score_adj", bias);
        }
        step(SpawnStep::Session, signal::reset_all())?;
        // Safe here, where the thread that forked us is the shim's only one. The check is for a shim that
        // ended before the kernel knew what we ask of it.
        step(SpawnStep::Session, session::die_with_parent(Signal::KILL))?;
        if session::parent_pid() != prepared.shim {
            exec::exit_now(127);
        }
        step(SpawnStep::Chdir, exec::chdir(&prepared.cwd))?;
        step(SpawnStep::Exec, exec::close_others_on_exec())
    };
    match setup() {
        Ok(()) => execute(prepared),
        Err(refusal) => refusal,
    }
}

/// Tries one candidate after the other, as `execvpe` does, but remembers which one it was that failed, and
/// doesn't hand a text file to `/bin/sh`.
fn execute(prepared: &Prepared) -> Refusal {
    let refusal = |errno, candidate| Refusal { step: SpawnStep::Exec, errno, candidate };
    let mut denied = None;
    for (index, candidate) in prepared.candidates.iter().enumerate() {
        let error = exec::execve(candidate, &prepared.arguments, &prepared.environment);
        let errno = error.raw_os_error().unwrap_or(0);
        match error.kind() {
            // It is there, so it is its interpreter that isn't.
            io::ErrorKind::NotFound if exec::exists(candidate) => return refusal(errno, Some(index)),
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => {}
            // Another folder may have one that we may execute.
            io::ErrorKind::PermissionDenied => denied = denied.or(Some(refusal(errno, Some(index)))),
            _ => return refusal(errno, Some(index)),
        }
    }
    denied.unwrap_or_else(|| refusal(0, None))
}

/// Nine bytes: the step, the error's number, the candidate.
fn to_bytes(refusal: Refusal) -> [u8; 9] {
    let step = match refusal.step {
        SpawnStep::Fork => 0,
        SpawnStep::Session => 1,
        SpawnStep::Terminal => 2,
        SpawnStep::Chdir => 3,
        SpawnStep::Exec => 4,
    };
    let candidate = refusal.candidate.and_then(|index| u32::try_from(index).ok()).unwrap_or(u32::MAX);
    let mut bytes = [step; 9];
    bytes[1..5].copy_from_slice(&refusal.errno.to_le_bytes());
    bytes[5..].copy_from_slice(&candidate.to_le_bytes());
    bytes
}

fn from_bytes(bytes: &[u8]) -> Option<Refusal> {
    let (step, rest) = bytes.split_first()?;
    let (errno, rest) = rest.split_first_chunk()?;
    let candidate = u32::from_le_bytes(*rest.first_chunk()?);
    let step = match step {
        0 => SpawnStep::Fork,
        1 => SpawnStep::Session,
        2 => SpawnStep::Terminal,
        3 => SpawnStep::Chdir,
        _ => SpawnStep::Exec,
    };
    let candidate = (candidate != u32::MAX).then_some(candidate as usize);
    Some(Refusal { step, errno: i32::from_le_bytes(*errno), candidate })
}

/// The path as people read it.
pub(super) fn readable(path: &CStr) -> String {
    path.to_string_lossy().into_owned()
}
