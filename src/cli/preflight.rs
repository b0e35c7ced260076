//! Preflight: what the plan can't know. Every program that isn't found, every port that is taken, every
//! check that fails, all at once, before anything starts.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::net::ToSocketAddrs as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use crate::config::nearest;
use crate::model::{ProcessName, brief};
use crate::plan::{Check, CheckTest, Plan, ProcessSpec};
use crate::runner::child_environment;
use crate::sys::listeners;

use super::exit_code::Exit;
use super::plan::quoted;
use super::report::{Failure, Trouble};

const TCP_TIMEOUT: Duration = Duration::from_secs(1);
const COMMAND_TIMEOUT: Duration = Duration::from_secs(10);

/// A command longer than this isn't repeated in a finding.
const LONG_COMMAND: usize = 60;

/// Looks for everything that must be there before a start.
///
/// # Errors
/// With every finding, exit code 4.
pub async fn preflight(plan: &Plan, inherited: &[(OsString, OsString)]) -> Result<(), Failure> {
    let mut findings = programs(plan, inherited);
    findings.extend(ports(plan));
    for check in &plan.checks {
        if let Err(why) = passes(check, plan, inherited).await {
            let trouble = Trouble::new(check.message.clone(), check.hint.clone());
            findings.push(match why {
                Some(why) => trouble.note(why),
                None => trouble,
            });
        }
    }
    if findings.is_empty() { Ok(()) } else { Err(Failure::all(Exit::Preflight, findings)) }
}

/// What is wrong with a program, found out without running it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Wrong {
    NotFound { folders: Vec<PathBuf>, similar: Option<String> },
    NotThere(PathBuf),
    NotExecutable(PathBuf),
    NoInterpreter { script: PathBuf, interpreter: String },
    NoFolder(PathBuf),
}

fn programs(plan: &Plan, inherited: &[(OsString, OsString)]) -> Vec<Trouble> {
    // One finding for each program, however many processes want it.
    let mut wrong: BTreeMap<(String, Wrong), Vec<&ProcessName>> = BTreeMap::new();
    for process in plan.processes.iter().filter(|process| !is_fresh(process) && !waits_for_setup(plan, process)) {
        // What stops it will be missed when it is too late.
        let stop = process.stop.command.as_ref().map(|stop| &stop.command);
        for program in [Some(&process.command), stop].into_iter().flatten().filter_map(|command| command.first()) {
            if let Some(what) = look(process, program, plan, inherited) {
                wrong.entry((program.clone(), what)).or_default().push(&process.name);
            }
        }
    }
    wrong.into_iter().map(|((program, what), processes)| describe(&program, &what, &processes)).collect()
}

fn is_fresh(process: &ProcessSpec) -> bool {
    process.oneshot.as_ref().is_some_and(|oneshot| !oneshot.stale)
}

/// Whether it starts after a oneshot that has yet to run: what is missing now may be there by then. If it
/// isn't, its start says so.
fn waits_for_setup(plan: &Plan, process: &ProcessSpec) -> bool {
    process.depends_on.iter().any(|edge| {
        let dependency = plan.processes.iter().find(|other| other.name == edge.process);
        dependency.is_some_and(|other| {
            other.oneshot.as_ref().is_some_and(|oneshot| oneshot.stale) || waits_for_setup(plan, other)
        })
    })
}

fn look(process: &ProcessSpec, program: &str, plan: &Plan, inherited: &[(OsString, OsString)]) -> Option<Wrong> {
    if !process.cwd.is_dir() {
        return Some(Wrong::NoFolder(process.cwd.clone()));
    }
    let env = child_environment(process, inherited, &plan.root);
    let path = env.iter().find(|(name, _)| name == "PATH").map(|(_, value)| value.clone()).unwrap_or_default();
    let file = match program.contains('/') {
        true => process.cwd.join(program.trim_start_matches("./")),
        false => match which::which_in(program, Some(&path), &process.cwd) {
            Ok(file) => file,
            Err(_) => {
                let folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
                let similar = similar(program, &folders);
                return Some(Wrong::NotFound { folders, similar });
            }
        },
    };
    let Ok(meta) = file.metadata() else { return Some(Wrong::NotThere(file)) };
    if meta.is_dir() || meta.permissions().mode() & 0o111 == 0 {
        return Some(Wrong::NotExecutable(file));
    }
    let interpreter = interpreter(&file)?;
    (!Path::new(&interpreter).exists()).then_some(Wrong::NoInterpreter { script: file, interpreter })
}

/// The program behind `#!`, if the file is a script.
fn interpreter(file: &Path) -> Option<String> {
    use std::io::Read as _;
    let mut head = [0; 256];
    let length = std::fs::File::open(file).ok()?.read(&mut head).ok()?;
    let line = head.get(..length)?.strip_prefix(b"#!")?.split(|byte| *byte == b'\n').next()?;
    String::from_utf8_lossy(line).split_whitespace().next().map(str::to_owned)
}

fn similar(program: &str, folders: &[PathBuf]) -> Option<String> {
    let entries =
        folders.iter().flat_map(|folder| std::fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok));
    let names: Vec<String> = entries.filter_map(|entry| entry.file_name().into_string().ok()).collect();
    nearest(program, names.iter().map(String::as_str))
}

fn describe(program: &str, wrong: &Wrong, processes: &[&ProcessName]) -> Trouble {
    let names: Vec<&str> = processes.iter().map(|process| process.as_str()).collect();
    let whom = match names.as_slice() {
        [one] => (*one).to_owned(),
        [one, two] => format!("{one} and {two}"),
        [first, .., last] => format!("{first}, {last} and {} more", names.len() - 2),
        [] => "nobody".to_owned(),
    };
    let cannot = format!("cannot start {whom}");
    match wrong {
        Wrong::NotFound { folders, similar } => {
            let shown: Vec<String> = folders.iter().map(|folder| folder.display().to_string()).collect();
            let hint = match similar {
                Some(name) => format!("did you mean `{name}`?"),
                None => format!(
                    "install `{program}`, activate the environment that has it, or put its folder on PATH in an [[env]] block: path = [\"…\"]"
                ),
            };
            Trouble::new(format!("{cannot}: `{program}` is not on its PATH"), Some(hint))
                .note(format!("looked in {}", shown.join(", ")))
        }
        Wrong::NotThere(file) => {
            let hint = "is something to be installed or built first?".to_owned();
            Trouble::new(format!("{cannot}: there is no {}", file.display()), Some(hint))
        }
        Wrong::NotExecutable(file) => {
            let file = file.display();
            Trouble::new(format!("{cannot}: {file} can't be executed"), Some(format!("chmod +x {file}")))
        }
        Wrong::NoInterpreter { script, interpreter } => {
            let message = format!("{cannot}: {} wants {interpreter}, and that isn't there", script.display());
            Trouble::new(
                message,
                Some("mend its first line, or make the environment that it belongs to anew".to_owned()),
            )
        }
        Wrong::NoFolder(folder) => {
            let message = format!("{cannot}: its working directory {} isn't there", folder.display());
            Trouble::new(message, Some("make it, or mend `cwd`".to_owned()))
        }
    }
}

fn ports(plan: &Plan) -> Vec<Trouble> {
    let wanted = plan.processes.iter().filter_map(|process| Some((&process.name, process.port?)));
    wanted.filter(|(_, port)| listeners::is_taken(*port)).map(|(process, port)| taken(plan, process, port)).collect()
}

fn taken(plan: &Plan, process: &ProcessName, port: u16) -> Trouble {
    // Ports are arithmetic on ADDRESS, as a rule; one that is far from it is written down somewhere.
    let first = plan.address.rsplit(':').next().and_then(|first| first.parse::<u16>().ok()).unwrap_or_default();
    let elsewhere = match port.checked_sub(first) {
        Some(0..100) => format!("move everything: {}", moved(plan)),
        _ => format!("give {process} another port"),
    };
    match listeners::holder(port) {
        Some(holder) => {
            let hint = format!("stop it (kill {}), or {elsewhere}", holder.pid);
            Trouble::new(format!("port {port} of {process} is taken by {holder}"), Some(hint))
        }
        None => {
            let message = format!("port {port} of {process} is taken, by whom can't be seen from here");
            Trouble::new(
                message,
                Some(format!("another user's process or a container has it: stop that, or {elsewhere}")),
            )
        }
    }
}

/// The command that starts the same a thousand ports up.
fn moved(plan: &Plan) -> String {
    let (host, port) = plan.address.rsplit_once(':').unwrap_or(("127.0.0.1", "8000"));
    let port = port.parse::<u16>().unwrap_or(8000);
    let port = port.checked_add(1000).filter(|port| *port < 65_000).unwrap_or(8000);
    let silos: Vec<&str> = plan.silos.iter().filter(|silo| silo.selected).map(|silo| silo.name.as_str()).collect();
    match plan.silos.len() {
        0 | 1 => format!("devserver {host}:{port}"),
        _ => format!("devserver {host}:{port} --silo={}", silos.join(",")),
    }
}

/// Whether a check passes; if not, what was seen, where there is more to say than its message.
async fn passes(check: &Check, plan: &Plan, inherited: &[(OsString, OsString)]) -> Result<(), Option<String>> {
    match &check.test {
        CheckTest::Refused => Err(None),
        CheckTest::Exists(path) => {
            if path.exists() {
                Ok(())
            } else {
                Err(Some(format!("there is no {}", path.display())))
            }
        }
        CheckTest::Tcp(address) => {
            let target = address.clone();
            // Looking a name up blocks.
            let resolved =
                tokio::task::spawn_blocking(move || target.to_socket_addrs().map(Iterator::collect::<Vec<_>>));
            let addresses = match resolved.await {
                Ok(Ok(addresses)) => addresses,
                _ => return Err(Some(format!("{address} can't be looked up"))),
            };
            for address in addresses {
                if let Ok(Ok(_)) = tokio::time::timeout(TCP_TIMEOUT, tokio::net::TcpStream::connect(address)).await {
                    return Ok(());
                }
            }
            Err(None)
        }
        CheckTest::Command(words) => run(words, check, plan, inherited).await.map_err(Some),
    }
}

/// Runs a check's command as the processes of its silo would see it.
async fn run(words: &[String], check: &Check, plan: &Plan, inherited: &[(OsString, OsString)]) -> Result<(), String> {
    let [program, arguments @ ..] = words else { return Ok(()) };
    let like = plan.processes.iter().find(|process| process.silo == check.silo).or(plan.processes.first());
    let env = like.map_or_else(|| inherited.to_vec(), |process| child_environment(process, inherited, &plan.root));
    let path = env.iter().find(|(name, _)| name == "PATH").map(|(_, value)| value.clone());
    let Ok(file) = which::which_in(program, path, &plan.root) else { return Err(format!("`{program}` was not found")) };
    #[expect(
        clippy::disallowed_methods,
        reason = "a check runs before there is a supervisor; it ends within ten seconds"
    )]
    let mut command = tokio::process::Command::new(file);
    command.args(arguments).env_clear().envs(env).current_dir(&plan.root).process_group(0).kill_on_drop(true);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    match tokio::time::timeout(COMMAND_TIMEOUT, command.output()).await {
        Err(_) => Err(format!("`{}` didn't end within {}", shown(words), brief(COMMAND_TIMEOUT))),
        Ok(Err(error)) => Err(format!("`{}` can't be run: {error}", shown(words))),
        Ok(Ok(output)) if output.status.success() => Ok(()),
        Ok(Ok(output)) => {
            let said = if output.stderr.is_empty() { &output.stdout } else { &output.stderr };
            let last = String::from_utf8_lossy(said).lines().last().unwrap_or_default().trim().to_owned();
            let how = output.status.code().map_or_else(|| "was killed".to_owned(), |code| format!("ended with {code}"));
            let command = shown(words);
            Err(if last.is_empty() { format!("`{command}` {how}") } else { format!("`{command}` {how}: {last}") })
        }
    }
}

/// A command as one types it; of a script that is given as a word its program will do.
fn shown(words: &[String]) -> String {
    let whole: Vec<String> = words.iter().map(|word| quoted(word)).collect();
    let whole = whole.join(" ");
    match words {
        [program, ..] if whole.chars().count() > LONG_COMMAND => format!("{} …", quoted(program)),
        _ => whole,
    }
}
