//! What a process finds itself with.

use std::env;
use std::fs;
use std::io::{self, IsTerminal, Write};

use nix::unistd;

/// Prints one aspect, a line for each part of it.
pub(super) fn show(what: &str) {
    let lines: Vec<String> = match what {
        "env" => env::vars_os().map(|(name, value)| format!("env {}={}", name.display(), value.display())).collect(),
        "fds" => descriptors(),
        "signals" => status_lines("Sig"),
        "cwd" => vec![format!("cwd {}", env::current_dir().unwrap_or_default().display())],
        "args" => env::args().skip(1).map(|argument| format!("arg {argument}")).collect(),
        "tty" => terminal(),
        "limits" => {
            let limits = fs::read_to_string("/proc/self/limits").unwrap_or_default();
            limits.lines().filter(|line| line.starts_with("Max ")).map(str::to_owned).collect()
        }
        "ids" => ids(),
        "umask" => status_lines("Umask"),
        other => vec![format!("can't show {other}")],
    };
    let mut out = io::stdout().lock();
    for line in lines {
        let _ = writeln!(out, "{line}");
    }
    let _ = out.flush();
}

fn descriptors() -> Vec<String> {
    let Ok(entries) = fs::read_dir("/proc/self/fd") else { return Vec::new() };
    let mut found: Vec<(u32, String)> = entries
        .flatten()
        .filter_map(|entry| {
            let target = fs::read_link(entry.path()).ok()?.display().to_string();
            // Not the descriptor through which we are looking.
            (!target.starts_with("/proc/")).then_some((entry.file_name().to_str()?.parse().ok()?, target))
        })
        .collect();
    found.sort();
    found.into_iter().map(|(number, target)| format!("fd {number} {target}")).collect()
}

fn status_lines(start: &str) -> Vec<String> {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    status.lines().filter(|line| line.starts_with(start)).map(|line| line.replace('\t', " ")).collect()
}

fn terminal() -> Vec<String> {
    let yes = |is| if is { "yes" } else { "no" };
    let (input, output, error) = (io::stdin(), io::stdout(), io::stderr());
    let own = unistd::getpgrp();
    let leads = unistd::getsid(None) == Ok(unistd::getpid());
    let controls = fs::File::open("/dev/tty").is_ok();
    let foreground = unistd::tcgetpgrp(&input) == Ok(own);
    vec![
        format!("terminal {} {} {}", yes(input.is_terminal()), yes(output.is_terminal()), yes(error.is_terminal())),
        format!("leads its session {}, its group {}", yes(leads), yes(own == unistd::getpid())),
        format!("controlling {}, foreground {}", yes(controls), yes(foreground)),
    ]
}

/// Who it belongs to.
fn ids() -> Vec<String> {
    let session = unistd::getsid(None).map_or(0, unistd::Pid::as_raw);
    let foreground = fs::File::open("/dev/tty").ok().and_then(|terminal| unistd::tcgetpgrp(&terminal).ok());
    vec![
        format!("pid {} parent {}", unistd::getpid(), unistd::getppid()),
        format!("group {} session {session}", unistd::getpgrp()),
        match foreground {
            Some(group) => format!("foreground of its terminal {group}"),
            None => "no terminal".to_owned(),
        },
    ]
}
