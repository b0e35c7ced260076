//! Why a service couldn't be started, in words that name what to mend.
//!
//! The kernel gives a number; what it meant is looked up afterwards, in the file system as it is then.

use std::ffi::CString;
use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::child::{Refusal, readable};
use super::protocol::{Failure, Raw, Spec};
use crate::model::SpawnStep;
use crate::sys::exec::{self, Meaning};

/// What to say when the service couldn't even be forked.
pub(super) fn refused_fork(error: &io::Error) -> Failure {
    let errno = error.raw_os_error().unwrap_or(0);
    system(SpawnStep::Fork, String::new(), exec::describe(errno), errno)
}

/// What to say of a string that can't be given to a program.
pub(super) fn has_nul(what: &str, text: &str) -> Failure {
    let why = format!("the {what} `{}` has a NUL byte in it", text.escape_debug());
    Failure::System { step: SpawnStep::Exec, what: text.replace('\0', ""), why, transient: false }
}

/// What to say of what the child couldn't do.
pub(super) fn refused(spec: &Spec, refusal: Refusal, candidates: &[CString]) -> Failure {
    let Refusal { step, errno, candidate } = refusal;
    let program = spec.argv.first().map(Raw::lossy).unwrap_or_default();
    match step {
        SpawnStep::Fork | SpawnStep::Session | SpawnStep::Terminal => {
            system(step, program, exec::describe(errno), errno)
        }
        SpawnStep::Chdir => {
            let why = match exec::meaning(errno) {
                Meaning::NotFound => "there is no such folder".to_owned(),
                Meaning::NotAFolder => "it isn't a folder".to_owned(),
                _ => exec::describe(errno),
            };
            system(step, spec.cwd.lossy(), why, errno)
        }
        SpawnStep::Exec => match candidate.and_then(|index| candidates.get(index)) {
            Some(found) => {
                let shown = readable(found);
                let file = Path::new(spec.cwd.as_os_str()).join(&shown);
                system(step, shown, refused_exec(spec, errno, &file), errno)
            }
            None if program.contains('/') => system(step, program, "there is no such file".to_owned(), errno),
            None => Failure::NotFound { program },
        },
    }
}

fn system(step: SpawnStep, what: String, why: String, errno: i32) -> Failure {
    Failure::System { step, what, why, transient: exec::meaning(errno) == Meaning::Short }
}

fn refused_exec(spec: &Spec, errno: i32, file: &Path) -> String {
    match exec::meaning(errno) {
        Meaning::NotFound => match interpreter(file) {
            Some(name) if name.ends_with('\r') => "its first line ends in a Windows line break".to_owned(),
            Some(name) => format!("its interpreter `{name}` isn't there"),
            None => "its loader isn't there; it was built for another system".to_owned(),
        },
        Meaning::Denied => match fs::metadata(file) {
            Ok(found) if found.is_dir() => "it is a folder".to_owned(),
            Ok(found) if found.permissions().mode() & 0o111 == 0 => "it isn't executable".to_owned(),
            _ => match interpreter(file).map(PathBuf::from).filter(|path| !is_executable(path)) {
                Some(path) => format!("its interpreter `{}` isn't executable", path.display()),
                None => exec::describe(errno),
            },
        },
        Meaning::NotAProgram if fs::metadata(file).is_ok_and(|found| found.len() == 0) => "it is empty".to_owned(),
        Meaning::NotAProgram => "it is neither a program for this machine nor a script with a `#!` line".to_owned(),
        Meaning::TooLarge => too_large(spec),
        Meaning::NotAFolder | Meaning::Short | Meaning::Other => exec::describe(errno),
    }
}

fn is_executable(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|found| !found.is_dir() && found.permissions().mode() & 0o111 != 0)
}

/// The program in the `#!` line of a script.
fn interpreter(file: &Path) -> Option<String> {
    let mut head = Vec::new();
    File::open(file).ok()?.take(256).read_to_end(&mut head).ok()?;
    let line = head.strip_prefix(b"#!")?.split(|byte| *byte == b'\n').next()?;
    let line = String::from_utf8_lossy(line);
    line.trim_start_matches([' ', '\t']).split([' ', '\t']).next().map(str::to_owned)
}

/// Names the largest thing: it is rarely the sum that is wrong.
fn too_large(spec: &Spec) -> String {
    let arguments = spec.argv.iter().skip(1).map(|raw| (raw.0.len(), "an argument".to_owned()));
    let variables = spec.env.iter().map(|(name, value)| (value.0.len(), format!("the variable `{}`", name.lossy())));
    let largest = arguments.chain(variables).max_by_key(|(length, _)| *length);
    match largest {
        Some((length, name)) => {
            format!("its arguments and environment are too large ({name} alone has {} KiB)", length.div_ceil(1024))
        }
        None => exec::describe(0),
    }
}
