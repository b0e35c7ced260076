//! How a run ends, and the exit code for it: the table of `--help`, row by row.

use std::fs;
use std::path::Path;

use devserver::model::Signal;

use crate::support::stack::Stack;

const FAKE: &str = env!("CARGO_BIN_EXE_fake-service");

fn project(text: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    fs::write(folder.path().join("devserver.toml"), text.replace("FAKE", FAKE)).expect("it can be written");
    folder
}

fn start(folder: &Path, arguments: &[&str]) -> Stack {
    let runtime = folder.display().to_string();
    Stack::start(folder, arguments, &[("XDG_RUNTIME_DIR", &runtime)])
}

/// A service that does what it is told.
const POLITE: &str = "[service.web]\ncommand = [\"FAKE\", \"--print\", \"here I am\"]\n";
/// One that doesn't.
const RUDE: &str = "[service.web]\ncommand = [\"FAKE\", \"--ignore\", \"TERM,INT,HUP\", \"--print\", \"here I am\"]\n";

#[test]
fn the_first_int_term_or_hup_stops_in_order_and_is_fine() {
    for signal in [Signal::INT, Signal::TERM, Signal::HUP] {
        let folder = project(POLITE);
        let mut stack = start(folder.path(), &[]);
        stack.wait_for("here I am");
        stack.signal(signal);
        assert_eq!(stack.ended().code(), Some(0), "{signal}: {}", stack.output());
        assert_eq!(stack.leftovers(), Vec::<String>::new(), "{signal}");
    }
}

#[test]
fn the_second_kills_and_gives_130() {
    let folder = project(RUDE);
    let mut stack = start(folder.path(), &[]);
    stack.wait_for("here I am");
    stack.signal(Signal::INT);
    stack.wait_for("stopping 1 process; Ctrl-C again kills it");
    // Not INT again: the same one at once counts once.
    stack.signal(Signal::TERM);
    assert_eq!(stack.ended().code(), Some(130), "{}", stack.output());
    assert_eq!(stack.leftovers(), Vec::<String>::new());
}

#[test]
fn the_command_line_can_name_whose_code_is_the_runs() {
    let folder = project(&format!(
        "{POLITE}\n[service.tests]\ncommand = [\"FAKE\", \"--exit\", \"7\"]\ndepends_on = [\"web\"]\n\
         [service.other]\nwhen = \"false\"\ncommand = [\"FAKE\"]\n"
    ));
    let mut stack = start(folder.path(), &["--exit-code-from", "tests"]);
    assert_eq!(stack.ended().code(), Some(7), "{}", stack.output());
    assert_eq!(stack.leftovers(), Vec::<String>::new());
    for (name, says) in [("test", "did you mean --exit-code-from=tests?"), ("other", "`other` doesn't run here")] {
        let mut stack = start(folder.path(), &["--exit-code-from", name]);
        assert_eq!(stack.ended().code(), Some(2), "{}", stack.output());
        assert!(stack.output().contains(says), "{}", stack.output());
    }
}

#[test]
fn a_service_with_exit_on_end_gives_its_own_code() {
    for (how, code) in [("\"--exit\", \"7\"", 7), ("\"--exit\", \"0\"", 0), ("\"--raise\", \"KILL\"", 137)] {
        let folder = project(&format!(
            "{POLITE}\n[service.tests]\ncommand = [\"FAKE\", {how}]\ndepends_on = [\"web\"]\nexit_on_end = true\n"
        ));
        let mut stack = start(folder.path(), &[]);
        assert_eq!(stack.ended().code(), Some(code), "{how}: {}", stack.output());
        assert_eq!(stack.leftovers(), Vec::<String>::new());
    }
}

#[test]
fn when_everything_that_could_run_has_given_up_the_code_is_5() {
    let folder = project(
        "[service.web]\ncommand = [\"FAKE\", \"--print\", \"no database\", \"--exit\", \"1\"]\n\
         backoff = { min = \"10ms\", max = \"20ms\", give_up_after = 3 }\n",
    );
    let mut stack = start(folder.path(), &[]);
    assert_eq!(stack.ended().code(), Some(5), "{}", stack.output());
    let last = stack.wait_for("is left alone");
    let said = "web is left alone: 3 runs in a row ended early; the last one exited with 1; it said last:";
    assert!(last.ends_with(said), "{last}");
    stack.wait_for("  | no database");
}

#[test]
fn when_everything_is_done_the_code_is_0() {
    let folder =
        project("[service.setup]\noneshot = true\ncommand = [\"FAKE\", \"--print\", \"set up\", \"--exit\", \"0\"]\n");
    let mut stack = start(folder.path(), &[]);
    assert_eq!(stack.ended().code(), Some(0), "{}", stack.output());
    stack.wait_for("set up");
}

#[test]
fn a_second_start_is_refused_with_8_and_says_who_runs() {
    let folder = project(POLITE);
    let mut first = start(folder.path(), &[]);
    first.wait_for("here I am");
    let mut second = start(folder.path(), &["--plain"]);
    assert_eq!(second.ended().code(), Some(8), "{}", second.output());
    assert!(second.output().contains("silo `monolith` is already running here: pid"), "{}", second.output());
    assert!(second.output().contains("= it was started with: devserver"), "{}", second.output());
    assert_eq!(first.stop().code(), Some(0));
}

#[test]
fn after_a_kill_9_the_next_start_is_not_in_its_own_way() {
    let folder = project(POLITE);
    let mut first = start(folder.path(), &[]);
    first.wait_for("here I am");
    first.signal(Signal::KILL);
    first.ended();
    let mut second = start(folder.path(), &[]);
    second.wait_for("here I am");
    assert_eq!(second.stop().code(), Some(0), "{}", second.output());
    crate::support::stack::eventually("nothing of the first is left", || first.leftovers().is_empty().then_some(()));
    assert_eq!(second.leftovers(), Vec::<String>::new());
}

#[test]
fn status_says_what_is_up_and_7_when_nothing_is() {
    let folder = project(POLITE);
    let mut before = start(folder.path(), &["status"]);
    assert_eq!(before.ended().code(), Some(7), "{}", before.output());
    let mut stack = start(folder.path(), &[]);
    stack.wait_for("here I am");
    let mut during = start(folder.path(), &["status"]);
    assert_eq!(during.ended().code(), Some(0), "{}", during.output());
    assert!(during.output().starts_with("monolith (pid "), "{}", during.output());
    assert_eq!(stack.stop().code(), Some(0));
}

#[test]
fn a_folder_that_others_can_use_is_refused_with_9() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = project(POLITE);
    let shared = folder.path().join("devserver");
    fs::create_dir(&shared).expect("a folder");
    fs::set_permissions(&shared, fs::Permissions::from_mode(0o777)).expect("its mode can be set");
    let mut stack = start(folder.path(), &[]);
    assert_eq!(stack.ended().code(), Some(9), "{}", stack.output());
    assert!(stack.output().contains("others may use it (mode 777)"), "{}", stack.output());
}

#[test]
fn colours_are_for_terminals_or_for_who_asks() {
    let text = "[service.web]\ncommand = [\"/bin/echo\", \"a line\"]\nrestart = \"never\"\n";
    for (arguments, coloured) in
        [(&["--color=always"][..], true), (&["--color=always", "--plain"], false), (&[], false)]
    {
        let folder = project(text);
        let mut stack = start(folder.path(), arguments);
        assert_eq!(stack.ended().code(), Some(0), "{}", stack.output());
        assert_eq!(stack.output().contains('\u{1b}'), coloured, "{arguments:?}: {:?}", stack.output());
        stack.wait_for("a line");
    }
}

#[test]
fn without_prefix_a_line_is_the_childs_own() {
    let folder = project("[service.web]\ncommand = [\"/bin/echo\", \"a line\"]\nrestart = \"never\"\n");
    let mut stack = start(folder.path(), &["--no-prefix"]);
    assert_eq!(stack.ended().code(), Some(0));
    assert!(stack.output().lines().any(|line| line == "a line"), "{}", stack.output());
}

#[test]
fn a_stop_command_ends_a_service_that_no_signal_would() {
    let folder = project(&format!("{RUDE}stop = {{ command = \"kill -KILL $MAINPID\", timeout = \"5m\" }}\n"));
    let mut stack = start(folder.path(), &[]);
    stack.wait_for("here I am");
    assert_eq!(stack.stop().code(), Some(0), "{}", stack.output());
    assert_eq!(stack.leftovers(), Vec::<String>::new());
}

#[test]
fn a_stop_command_that_is_not_there_is_missed_before_anything_starts() {
    let folder = project(&format!("{RUDE}stop = {{ command = [\"no-such-halt\"] }}\n"));
    let mut stack = start(folder.path(), &[]);
    assert_eq!(stack.ended().code(), Some(4), "{}", stack.output());
    assert!(stack.output().contains("no-such-halt"), "{}", stack.output());
}

#[test]
fn after_a_stop_command_alone_comes_term() {
    let folder = project(&format!("{POLITE}stop = {{ command = \"echo not I >&2; false\" }}\n"));
    let mut stack = start(folder.path(), &[]);
    stack.wait_for("here I am");
    assert_eq!(stack.stop().code(), Some(0), "{}", stack.output());
    let said = "web isn't stopped by `/bin/sh -c echo not I >&2; false`, which exited with 1: not I; sending TERM";
    assert!(stack.output().contains(said), "{}", stack.output());
}
