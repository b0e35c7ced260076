//! A shell that ends before its program isn't the end of the run; and its program hears the stop before the hang-up.

use std::path::Path;

use devserver::model::{ExitStatus, Leftovers, Signal};
use devserver::plan::Target;
use devserver::runner::Report;
use devserver::shim::Request;
use devserver::sys::{proc, signal};

use super::harness::{Run, fake, in_time, oneshot, rung, start_with};

/// A shell that stays as the parent of a fake service.
fn line(before: &str, arguments: &[&str], after: &str) -> Vec<String> {
    ["sh".to_owned(), "-c".to_owned(), format!("{before}{}{after}", fake(arguments).join(" "))].to_vec()
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_default()
}

async fn up(command: Vec<String>, pty: bool) -> Run {
    let mut run = start_with(command, |spec| spec.pty = pty).await;
    run.until("up").await;
    assert_eq!(proc::name(run.pid).as_deref(), Some("sh"));
    run
}

const KILLED: ExitStatus = ExitStatus::Signal { signal: Signal::KILL, core: false };

#[tokio::test]
async fn a_stop_reaches_the_program_before_its_shell_and_is_no_hang_up() {
    for pty in [true, false] {
        let folder = tempfile::tempdir().expect("a folder");
        let heard = folder.path().join("heard");
        let (record, after) = (heard.to_str().expect("UTF-8"), "; echo the next command");
        // It takes its time to end, and nothing comes between.
        let mut run = up(line("", &["--record", record, "--slow-stop", "300", "--print", "up"], after), pty).await;
        run.control.stop(&rung(Signal::TERM, Target::Group, 0)).expect("it listens");
        // The program's status, not that of its shell.
        assert!(matches!(run.next().await, Some(Report::Inherited(_))), "it has ended, and its shell couldn't reap it");
        assert_eq!(run.rest().await, [Report::Exited(ExitStatus::Code(0)), Report::Gone(Leftovers::None)]);
        assert_eq!(read(&heard), "got TERM\n", "pty: {pty}");
        assert!(!run.output().await.contains("the next command"), "{}", run.text());
    }
}

#[tokio::test]
async fn what_ignores_its_stop_behind_a_shell_is_killed_with_it() {
    for pty in [true, false] {
        let mut run = up(line("", &["--ignore", "TERM", "--print", "up"], "; true"), pty).await;
        run.control.stop(&rung(Signal::TERM, Target::Group, 0)).expect("it listens");
        let shell = run.pid;
        in_time("the shell waits", || proc::stat(shell).is_some_and(|stat| stat.state == 'T')).await;
        run.control.send(&Request::Kill).expect("it listens");
        let mut news = run.rest().await;
        // Who of the two is reaped first is the kernel's choice.
        news.retain(|report| !matches!(report, Report::Inherited(_)));
        assert_eq!(news, [Report::Exited(KILLED), Report::Gone(Leftovers::None)]);
    }
}

/// With pipes: on a terminal the kernel hangs up on whoever is in front when the shell is killed.
#[tokio::test]
async fn when_its_shell_is_killed_the_program_goes_on_and_its_end_is_the_runs() {
    let folder = tempfile::tempdir().expect("a folder");
    let end = folder.path().join("end");
    let arguments = ["--print", "up", "--exit-on-file", end.to_str().expect("UTF-8"), "--print", "bye", "--exit", "7"];
    let mut run = up(line("", &arguments, "; true"), false).await;
    let shell = run.pid;
    signal::send(shell, Signal::KILL).expect("it is ours");
    in_time("it is reaped", || proc::stat(shell).is_none()).await;
    let Some(Report::Inherited(program)) = run.next().await else { panic!("the program goes on") };
    assert!(proc::command_line(program).contains("--exit-on-file"));
    std::fs::write(&end, "").expect("it is written");
    assert_eq!(run.rest().await, [Report::Exited(ExitStatus::Code(7)), Report::Gone(Leftovers::None)]);
}

#[tokio::test]
async fn a_program_that_its_shell_leaves_in_the_background_is_the_run_and_can_be_stopped() {
    for target in [Target::Group, Target::Main] {
        let folder = tempfile::tempdir().expect("a folder");
        let heard = folder.path().join("heard");
        let arguments = ["--record", heard.to_str().expect("UTF-8"), "--slow-stop", "100", "--print", "up"];
        let command = line("", &arguments, " & exit 0");
        let mut run = start_with(command, |spec| {
            spec.pty = false;
            spec.stop.rungs = vec![rung(Signal::INT, target, 60_000)];
        })
        .await;
        run.until("up").await;
        let shell = run.pid;
        in_time("the shell is gone", || proc::stat(shell).is_none()).await;
        assert!(matches!(run.next().await, Some(Report::Inherited(_))));
        run.control.stop(&rung(Signal::INT, target, 0)).expect("it listens");
        assert_eq!(run.rest().await, [Report::Exited(ExitStatus::Code(0)), Report::Gone(Leftovers::None)]);
        assert_eq!(read(&heard), "got INT\n");
    }
}

/// `helper & server`: the server's failure isn't hidden by a helper that still runs.
#[tokio::test]
async fn a_shell_that_tells_of_a_failure_is_the_end_of_the_run() {
    let mut run = start_with(line("", &["--print", "up"], " & exit 3"), |spec| spec.pty = false).await;
    assert_eq!(run.next().await, Some(Report::Exited(ExitStatus::Code(3))));
    run.control.send(&Request::Kill).expect("it listens");
    assert!(matches!(run.next().await, Some(Report::Gone(Leftovers::Swept(_)))));
}

#[tokio::test]
async fn what_is_run_to_its_end_is_over_when_its_script_is() {
    let mut run = start_with(line("", &["--print", "up"], " & exit 0"), |spec| {
        spec.pty = false;
        spec.oneshot = Some(oneshot());
    })
    .await;
    assert_eq!(run.next().await, Some(Report::Exited(ExitStatus::Code(0))));
    run.control.send(&Request::Kill).expect("it listens");
    assert!(matches!(run.next().await, Some(Report::Gone(Leftovers::Swept(_)))));
}

/// It may have its own way to end what it runs.
#[tokio::test]
async fn a_shell_that_has_a_trap_hears_the_stop_with_its_program() {
    let folder = tempfile::tempdir().expect("a folder");
    let heard = folder.path().join("heard");
    let arguments = ["--ignore", "TERM", "--record", heard.to_str().expect("UTF-8"), "--print", "up"];
    let command = line("trap 'echo trapped; kill -INT $!; wait; exit 4' TERM; ", &arguments, " & wait");
    let mut run = up(command, false).await;
    run.control.stop(&rung(Signal::TERM, Target::Group, 0)).expect("it listens");
    assert_eq!(run.rest().await, [Report::Exited(ExitStatus::Code(4)), Report::Gone(Leftovers::None)]);
    assert!(run.output().await.contains("trapped"), "{}", run.text());
    let mut all: Vec<String> = read(&heard).lines().map(str::to_owned).collect();
    all.sort();
    assert_eq!(all, ["got INT", "got TERM"]);
}
