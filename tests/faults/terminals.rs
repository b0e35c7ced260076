//! What terminals and signals do: start us in the background, be stolen, be no terminal, and hit us by name.

use std::fs;
use std::process::Command;

use devserver::model::{Pid, Signal};
use devserver::sys::{proc, signal};

use crate::support::isolated::{is_isolated, isolated};
use crate::support::stack::{Stack, eventually};
use crate::support::window::Window;

const DEVSERVER: &str = env!("CARGO_BIN_EXE_devserver");

fn project(text: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let text = text.replace("FAKE", env!("CARGO_BIN_EXE_fake-service"));
    fs::write(folder.path().join("devserver.toml"), text).expect("it can be written");
    folder
}

const WEB: &str = "[service.web]\ncommand = [\"FAKE\", \"--print\", \"here I am\", \"--pid-file\", \"pids\"]\n";

fn supervisor_below(root: Pid) -> Pid {
    eventually("it is started", || {
        let is_it = |pid: &Pid| proc::command_line(*pid) == DEVSERVER;
        proc::descendants(root).into_iter().find(is_it)
    })
}

#[test]
fn in_the_background_of_a_shell_it_is_neither_stopped_nor_silent() {
    let folder = project(WEB);
    // `set -m`: jobs of their own groups, as in the shell that one types into.
    let script = format!("set -m; {DEVSERVER} & wait $!; echo over $?");
    let window = Window::start(folder.path(), &["sh", "-c", &script], &[]);
    let supervisor = supervisor_below(window.command());
    window.wait_for("here I am");
    let stat = proc::stat(supervisor).expect("it is there");
    assert!(stat.group == supervisor && stat.state != 'T', "{stat:?}");
    signal::send(supervisor, Signal::TERM).expect("it is ours");
    window.wait_for("over 0");
    assert!(window.is_as_before());
}

#[test]
fn a_service_can_steal_its_own_terminal_at_most() {
    let folder = project(
        "[service.pty]\ncommand = [\"FAKE\", \"--steal-terminal\"]\n\
         [service.pipes]\npty = false\ncommand = [\"FAKE\", \"--steal-terminal\"]\n\
         [service.raw]\ncommand = [\"FAKE\", \"--raw-terminal\", \"--print\", \"raw now\"]\n",
    );
    let window = Window::start(folder.path(), &[DEVSERVER], &[]);
    for said in ["stole the terminal", "no terminal to steal", "raw now"] {
        window.wait_for(said);
    }
    assert!(window.is_as_before(), "another terminal was made raw");
    // The foreground is still ours.
    window.press(b"\x03");
    assert_eq!(window.ended(), 0, "{}", window.text());
}

#[test]
fn a_reader_that_leaves_early_or_an_output_that_is_closed_is_no_fault() {
    let folder = project(WEB);
    let mut stack = Stack::start(folder.path(), &[], &[]);
    stack.wait_for("here I am");
    for script in [
        "DEVSERVER plan | head -n 1; exit ${PIPESTATUS[0]}",
        "DEVSERVER logs --raw | head -n 1; exit ${PIPESTATUS[0]}",
        "DEVSERVER --help | head -n 1; exit ${PIPESTATUS[0]}",
        "DEVSERVER plan >&-",
        "DEVSERVER logs >&-",
        "DEVSERVER --help >&- 2>&- <&-",
    ] {
        let script = script.replace("DEVSERVER", DEVSERVER);
        let output = Command::new("bash").args(["-c", &script]).current_dir(folder.path()).output().expect("bash runs");
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!((output.status.code(), errors.as_str()), (Some(0), ""), "{script}");
    }
    assert_eq!(stack.stop().code(), Some(0));
    // And the supervisor itself.
    let script = format!("exec {DEVSERVER} >&- 2>&- <&-");
    let mut command = Command::new("bash");
    command.args(["-c", &script]);
    fs::remove_file(folder.path().join("pids")).expect("it was written");
    let mut closed = Stack::run(command, folder.path(), &[]);
    eventually("its service runs", || folder.path().join("pids").exists().then_some(()));
    assert_eq!(closed.stop().code(), Some(0));
    assert_eq!(closed.leftovers(), Vec::<String>::new());
}

#[test]
fn a_kill_by_name_stops_the_supervisor_and_not_its_shims() {
    isolated("faults::terminals::a_kill_by_name_stops_the_supervisor_and_not_its_shims", || {
        let folder = project(WEB);
        let mut stack = Stack::start(folder.path(), &[], &[]);
        stack.wait_for("here I am");
        stack.look();
        // As `pkill devserver` chooses: by the name that the kernel has, among all there is; elsewhere among our own.
        let own = Pid(std::process::id().cast_signed());
        let all = if is_isolated() { proc::all() } else { proc::descendants(own) };
        let name = |pid: &Pid| fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default().trim().to_owned();
        let hit: Vec<Pid> = all.iter().copied().filter(|pid| name(pid).contains("devserver")).collect();
        let shims: Vec<&Pid> = all.iter().filter(|pid| name(pid) == "dv-shim").collect();
        assert!(!hit.is_empty() && !shims.is_empty(), "{hit:?} {shims:?}");
        assert!(shims.iter().all(|shim| !proc::command_line(**shim).contains("devserver")));
        if is_isolated() {
            assert_eq!(hit.len(), 1);
            signal::send(hit[0], Signal::TERM).expect("it is ours");
        } else {
            stack.signal(Signal::TERM);
        }
        assert_eq!(stack.ended().code(), Some(0), "{}", stack.output());
        assert_eq!(stack.leftovers(), Vec::<String>::new());
    });
}

#[test]
fn what_the_shell_ignores_leaves_open_and_limits_is_kept_from_services_or_passed_on_as_it_was() {
    let folder = project(
        "[service.plain]\npty = false\ncommand = [\"grep\", \"^Sig\", \"/proc/self/status\"]\nrestart = \"never\"\n\
         [service.fake]\npty = false\ncommand = [\"FAKE\", \"--show\", \"fds,limits,umask,ids\", \"--exit\", \"0\"]\n\
         restart = \"never\"\n",
    );
    let script = format!(
        "trap '' INT QUIT HUP PIPE USR1; umask 027; ulimit -Sn 333; exec 9</dev/null 10>junk; exec {DEVSERVER} --no-prefix"
    );
    let mut command = Command::new("bash");
    command.args(["-c", &script]);
    let mut stack = Stack::run(command, folder.path(), &[]);
    assert_eq!(stack.ended().code(), Some(0), "{}", stack.output());
    let output = stack.output();
    let has = |start: &str| output.lines().find(|line| line.starts_with(start)).unwrap_or_default().to_owned();
    let words = |line: String| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(words(has("SigIgn:"))[1], "0000000000000000", "{output}");
    assert_eq!(words(has("SigBlk:"))[1], "0000000000000000", "{output}");
    assert_eq!(words(has("Max open files"))[3], "333", "{output}");
    assert_eq!(words(has("Umask:"))[1], "0027", "{output}");
    let numbers: Vec<&str> = output.lines().filter_map(|line| line.strip_prefix("fd ")?.split(' ').next()).collect();
    assert_eq!(numbers, ["0", "1", "2"], "{output}");
    let group: Vec<String> = words(has("group "));
    assert_eq!(group[1], group[3], "it leads a session of its own: {output}");
}
