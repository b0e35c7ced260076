//! A shell as small as one can be: it leads the session of a terminal, runs one command in the foreground, and
//! takes the terminal back afterwards. And what no service can do to ours: steal it.

use std::fs::File;
use std::io::{self, Read as _};
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::Path;
use std::process::{Command, ExitCode};

use devserver::sys::{proc, session};
use nix::sys::signal::{SigSet, Signal};
use nix::unistd::{self, Pid};

use super::append;

/// `--shell PATH COMMAND...`, with the terminal as standard input, output and error.
pub(super) fn main(arguments: &[String]) -> ExitCode {
    let [path, program, rest @ ..] = arguments else { return ExitCode::from(2) };
    let path = Path::new(path);
    if session::new_session().and_then(|()| session::take_terminal(io::stdin())).is_err() {
        return ExitCode::from(3);
    }
    // Keys are for the foreground; what comes after its end isn't ours either. The command inherits that they are
    // blocked, as it does from a shell that is careless.
    let _ = [Signal::SIGINT, Signal::SIGQUIT, Signal::SIGTSTP].into_iter().collect::<SigSet>().thread_block();
    let mut command = Command::new(program);
    command.args(rest);
    in_the_foreground(&mut command);
    let Ok(mut child) = command.spawn() else { return ExitCode::from(4) };
    let pid = Pid::from_raw(child.id().cast_signed());
    let started = proc::start_time(devserver::model::Pid(pid.as_raw())).unwrap_or_default();
    append(path, &format!("{pid} {started}\n"));
    let Ok(status) = child.wait() else { return ExitCode::from(5) };
    foreground(unistd::getpgrp());
    let code = status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or_default());
    append(path, &format!("ended {code}\n"));
    // It stays until its terminal is closed, or a line is typed: else the kernel would take the terminal away.
    let _ = io::stdin().read(&mut [0; 64]);
    ExitCode::from(u8::try_from(code).unwrap_or(u8::MAX))
}

/// Has a command be in the foreground before it is executed: it may look.
#[expect(unsafe_code, reason = "between fork and exec, as a shell does it")]
fn in_the_foreground(command: &mut Command) {
    let before = || {
        unistd::setpgid(Pid::from_raw(0), Pid::from_raw(0))?;
        foreground(unistd::getpgrp());
        Ok(())
    };
    // SAFETY: system calls only.
    unsafe { command.pre_exec(before) };
}

/// Puts a group into the foreground of our terminal; who does that from the background is sent TTOU.
fn foreground(group: Pid) {
    let blocked = SigSet::from(Signal::SIGTTOU);
    let _ = blocked.thread_block();
    let _ = unistd::tcsetpgrp(io::stdin(), group);
    let _ = blocked.thread_unblock();
}

/// Tries to be in the foreground of the terminal that controls us.
pub(super) fn steal() -> String {
    let _ = SigSet::from(Signal::SIGTTOU).thread_block();
    match File::options().read(true).write(true).open("/dev/tty") {
        Err(error) => format!("no terminal to steal: {error}"),
        Ok(terminal) => match unistd::tcsetpgrp(&terminal, unistd::getpgrp()) {
            Ok(()) => "stole the terminal".to_owned(),
            Err(error) => format!("can't steal the terminal: {error}"),
        },
    }
}
