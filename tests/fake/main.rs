//! `fake-service`: the service that the tests run. It listens, prints, ignores signals, forks, hangs and
//! dies on request. No runtime; and whatever it starts ends by itself after two minutes at the latest, so
//! that a failed test leaves nothing behind for ever.

#![expect(clippy::disallowed_methods, reason = "it is no part of the house: it is there to do what one doesn't")]

mod flood;
mod network;
mod pause;
mod shell;
mod show;
mod signals;
mod supervise;
mod tree;

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use pause::{pause, wait_until};

use nix::sys::signal::Signal;

/// No process of ours lives longer.
const LIFE: Duration = Duration::from_secs(120);

const USAGE: &str = "\
fake-service: misbehaves on request. In this order:
  --pid-file PATH        append `PID START` to it, for this process and each that it makes
  --ignore SIG,...       block these
  --record PATH          append `got SIG` for each signal that comes, and what else goes wrong
  --journal PATH         append `NANOSECONDS PID KIND WHAT` for all that; the processes of the tree too
  --slow-stop MS         take so long to end after a signal
  --ends-after TEXT      and wait until the journal has this
  --touch PATH           make a file
  --show WHAT,...        env, fds, signals, cwd, args, tty, limits, ids, umask
  --print TEXT           (again and again) a line
  --error TEXT           a line on standard error
  --lines N              `line 1` to `line N`
  --no-newline           no newline after the last of them
  --bytes N              so many bytes of any kind, the same each time
  --one-line N           so many bytes without a newline
  --partial TEXT         this without a newline
  --close-output         close standard input, output and error, and go on
  --raw-terminal         the terminal without echo, lines and signals
  --steal-terminal       try to be in the foreground of the terminal, and say what came of it
  --chatter MS           print a line every so often, for ever; 0 is as fast as it goes
  --tree WHAT            group, session, daemon, bare, or full: 9 processes that are hard to find
  --node-ignore SIG,...  what the processes of the tree ignore
  --node-chatter MS      so often they print
  --zombie               a child that has ended and isn't waited for
  --respawn-us N         five processes that fork and end all the time
  --hold-stdout MS       a child in a session of its own keeps the output open so long
  --after MS             wait before listening
  --listen ADDR          (again and again) listen; says `listening on ADDR`
  --notify TEXT          say this at $NOTIFY_SOCKET, once it listens
  --http STATUS          answer requests with this
  --read-stdin           say `got LINE` for each line that is read, `end of input` at its end
  --exit-on-file PATH    wait until this is there
  --exit-after-ms N      wait so long
  --stop-self            be stopped, as by a debugger
  --raise SIG            end by this signal
  --exit N               end with this code; without any of these, wait for a signal

  fake-service --shell PATH COMMAND...   what a shell does at a terminal; notes `PID START` and `ended CODE` in PATH
";

/// What is asked for.
#[derive(Debug, Default, Clone)]
struct Wishes {
    pid_file: Option<PathBuf>,
    ignore: Vec<Signal>,
    record: Option<PathBuf>,
    journal: Option<PathBuf>,
    slow_stop: Duration,
    ends_after: Option<String>,
    touch: Option<PathBuf>,
    show: Vec<String>,
    print: Vec<String>,
    error: Vec<String>,
    lines: u64,
    no_newline: bool,
    bytes: u64,
    one_line: u64,
    partial: Option<String>,
    close_output: bool,
    raw_terminal: bool,
    steal_terminal: bool,
    chatter: Option<Duration>,
    tree: Option<String>,
    node_ignore: String,
    node_chatter: Option<Duration>,
    zombie: bool,
    respawn: Option<Duration>,
    hold_stdout: Option<Duration>,
    after: Duration,
    listen: Vec<String>,
    notify: Option<String>,
    http: Option<u16>,
    read_stdin: bool,
    exit_on_file: Option<PathBuf>,
    exit_after: Option<Duration>,
    stop_self: bool,
    raise: Option<Signal>,
    exit: Option<u8>,
    /// Not for users: this process is a part of a tree.
    node: Option<String>,
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.first().is_some_and(|first| first == "--supervise") {
        return supervise::main(arguments.get(1..).unwrap_or_default());
    }
    if arguments.first().is_some_and(|first| first == "--shell") {
        return shell::main(arguments.get(1..).unwrap_or_default());
    }
    match parse(arguments) {
        Ok(wishes) => run(&wishes),
        Err(why) => {
            let _ = write!(io::stderr(), "fake-service: {why}\n\n{USAGE}");
            ExitCode::from(2)
        }
    }
}

fn parse(arguments: Vec<String>) -> Result<Wishes, String> {
    let mut wishes = Wishes::default();
    let mut arguments = arguments.into_iter();
    while let Some(flag) = arguments.next() {
        let mut value = || arguments.next().ok_or_else(|| format!("{flag} wants a value"));
        match flag.as_str() {
            "--pid-file" => wishes.pid_file = Some(value()?.into()),
            "--ignore" => wishes.ignore = signals::parse_list(&value()?)?,
            "--record" => wishes.record = Some(value()?.into()),
            "--journal" => wishes.journal = Some(value()?.into()),
            "--ends-after" => wishes.ends_after = Some(value()?),
            "--bytes" => wishes.bytes = number(&value()?)?,
            "--one-line" => wishes.one_line = number(&value()?)?,
            "--partial" => wishes.partial = Some(value()?),
            "--close-output" => wishes.close_output = true,
            "--raw-terminal" => wishes.raw_terminal = true,
            "--steal-terminal" => wishes.steal_terminal = true,
            "--node-chatter" => wishes.node_chatter = Some(millis(&value()?)?),
            "--zombie" => wishes.zombie = true,
            "--stop-self" => wishes.stop_self = true,
            "--slow-stop" => wishes.slow_stop = millis(&value()?)?,
            "--touch" => wishes.touch = Some(value()?.into()),
            "--show" => wishes.show = value()?.split(',').map(str::to_owned).collect(),
            "--print" => wishes.print.push(value()?),
            "--error" => wishes.error.push(value()?),
            "--lines" => wishes.lines = number(&value()?)?,
            "--no-newline" => wishes.no_newline = true,
            "--chatter" => wishes.chatter = Some(millis(&value()?)?),
            "--tree" => wishes.tree = Some(value()?),
            "--node-ignore" => wishes.node_ignore = value()?,
            "--respawn-us" => wishes.respawn = Some(Duration::from_micros(number(&value()?)?)),
            "--hold-stdout" => wishes.hold_stdout = Some(millis(&value()?)?),
            "--after" => wishes.after = millis(&value()?)?,
            "--listen" => wishes.listen.push(value()?),
            "--notify" => wishes.notify = Some(value()?),
            "--http" => wishes.http = Some(number(&value()?)?),
            "--read-stdin" => wishes.read_stdin = true,
            "--exit-on-file" => wishes.exit_on_file = Some(value()?.into()),
            "--exit-after-ms" => wishes.exit_after = Some(millis(&value()?)?),
            "--raise" => wishes.raise = Some(signals::parse(&value()?)?),
            "--exit" => wishes.exit = Some(number(&value()?)?),
            "--node" => wishes.node = Some(value()?),
            _ => return Err(format!("unknown argument `{flag}`")),
        }
    }
    Ok(wishes)
}

fn number<T: std::str::FromStr>(text: &str) -> Result<T, String> {
    text.parse().map_err(|_| format!("`{text}` isn't such a number"))
}

fn millis(text: &str) -> Result<Duration, String> {
    number(text).map(Duration::from_millis)
}

fn run(wishes: &Wishes) -> ExitCode {
    let started = Instant::now();
    if let Some(node) = &wishes.node {
        return tree::be(node, wishes);
    }
    // Before the first thread, so that all have the same mask.
    signals::prepare(wishes);
    thread::spawn(move || {
        pause(LIFE);
        std::process::exit(99);
    });
    if let Some(path) = &wishes.pid_file {
        tree::note_pid(path);
    }
    if let Some(path) = &wishes.touch {
        append(path, "");
    }
    wishes.show.iter().for_each(|what| show::show(what));
    wishes.print.iter().for_each(|line| say(wishes, line));
    for line in &wishes.error {
        let _ = writeln!(io::stderr(), "{line}");
    }
    for number in 1..=wishes.lines {
        let last = number == wishes.lines && wishes.no_newline;
        let _ = write!(io::stdout(), "line {number}{}", if last { "" } else { "\n" });
    }
    flood::pour(wishes);
    let _ = io::stdout().flush();
    tree::grow(wishes);
    if wishes.steal_terminal {
        say(wishes, &shell::steal());
    }
    network::listen(wishes);
    if let Some(text) = &wishes.notify {
        network::notify(text);
    }
    flood::chatter(wishes, wishes.chatter);
    if wishes.read_stdin {
        let wishes = wishes.clone();
        thread::spawn(move || read_stdin(&wishes));
    }
    finish(wishes, started)
}

fn finish(wishes: &Wishes, started: Instant) -> ExitCode {
    if let Some(path) = &wishes.exit_on_file {
        wait_until(|| path.exists());
    }
    if let Some(after) = wishes.exit_after {
        pause(after.saturating_sub(started.elapsed()));
    }
    if wishes.stop_self {
        let _ = nix::sys::signal::raise(Signal::SIGSTOP);
    }
    while let Some(signal) = wishes.raise {
        // Again, because std's handler for SEGV only takes itself away the first time.
        let _ = nix::sys::signal::raise(signal);
    }
    match wishes.exit {
        Some(code) => ExitCode::from(code),
        None if wishes.exit_after.is_some() || wishes.exit_on_file.is_some() => ExitCode::SUCCESS,
        None => loop {
            thread::park();
        },
    }
}

fn read_stdin(wishes: &Wishes) {
    for line in io::stdin().lines() {
        match line {
            Ok(line) => say(wishes, &format!("got {line}")),
            Err(_) => break,
        }
    }
    say(wishes, "end of input");
}

/// Prints a line; when that fails, notes it.
fn say(wishes: &Wishes, line: &str) {
    let mut out = io::stdout().lock();
    let result = writeln!(out, "{line}").and_then(|()| out.flush());
    if let Err(error) = result {
        note(wishes, &format!("write failed: {error}"));
    }
}

/// Takes note of what happened to this process.
fn note(wishes: &Wishes, what: &str) {
    if let Some(record) = &wishes.record {
        append(record, &format!("{what}\n"));
    }
    if let Some(journal) = &wishes.journal {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_nanos();
        let kind = wishes.node.as_deref().unwrap_or("leader");
        append(journal, &format!("{now} {} {kind} {what}\n", std::process::id()));
    }
}

/// In one write, so that several processes can share a file.
fn append(path: &Path, text: &str) {
    if let Ok(mut file) = OpenOptions::new().create(true).append(true).open(path) {
        let _ = file.write_all(text.as_bytes());
    }
}

/// How many lines a file has.
fn lines_of(path: &Path) -> usize {
    fs::read_to_string(path).unwrap_or_default().lines().count()
}
