//! Shims with real processes: what a run is given, how its end is told, and that nothing of it is left.

mod failures;
mod harness;
mod orphans;
mod ports;
mod shells;
mod suspend;
mod terminal;

use std::time::Duration;

use devserver::model::{ExitStatus, Leftovers, Signal};
use devserver::plan::{Rung, Target};
use devserver::runner::Report;
use devserver::shim::Request;
use devserver::sys::proc;
use harness::{Run, fake, rung, start, words};

#[tokio::test]
async fn a_run_ends_with_its_true_status_and_each_fact_is_told_once() {
    for code in 0..=255 {
        let mut run = start(fake(&["--exit", &code.to_string()])).await;
        assert_eq!(run.rest().await, [Report::Exited(ExitStatus::Code(code)), Report::Gone(Leftovers::None)]);
    }
    for signal in [Signal::TERM, Signal::KILL, Signal::SEGV, Signal::HUP, Signal::USR1] {
        let mut run = start(fake(&["--raise", &signal.to_string()])).await;
        let reports = run.rest().await;
        let [Report::Exited(ExitStatus::Signal { signal: ended_by, .. }), Report::Gone(Leftovers::None)] = reports[..]
        else {
            panic!("{reports:?}")
        };
        assert_eq!(ended_by, signal);
    }
    let realtime = Signal::from_number(40);
    let mut run = start(words("sh -c 'kill -40 $$'")).await;
    let status = ExitStatus::Signal { signal: realtime, core: false };
    assert_eq!(run.rest().await, [Report::Exited(status), Report::Gone(Leftovers::None)]);
}

#[tokio::test]
async fn a_run_that_ends_at_once_is_not_missed() {
    for _ in 0..50 {
        let mut run = start(words("true")).await;
        assert_eq!(run.rest().await, [Report::Exited(ExitStatus::Code(0)), Report::Gone(Leftovers::None)]);
    }
}

#[tokio::test]
async fn a_run_inherits_three_descriptors_and_nothing_of_our_signals() {
    for pty in [true, false] {
        // A program without a runtime of its own that would change any of this.
        let mut run = harness::start_with(words("grep ^Sig /proc/self/status"), |spec| spec.pty = pty).await;
        run.rest().await;
        let text = run.output().await;
        for line in ["SigBlk:\t0000000000000000", "SigIgn:\t0000000000000000"] {
            assert!(text.contains(line), "{text}");
        }
        let mut run = harness::start_with(fake(&["--show", "fds", "--exit", "0"]), |spec| spec.pty = pty).await;
        run.rest().await;
        let text = run.output().await;
        let numbers: Vec<&str> = text.lines().filter_map(|line| line.split(' ').nth(1)).collect();
        assert_eq!(numbers, ["0", "1", "2"], "{text}");
    }
}

#[tokio::test]
async fn with_a_terminal_a_run_leads_its_session_and_can_be_interrupted_from_it() {
    let mut run = start(fake(&["--show", "tty", "--read-stdin"])).await;
    let expected = "terminal yes yes yes\nleads its session yes, its group yes\ncontrolling yes, foreground yes\n";
    run.until(expected).await;
    run.write(b"hello\n");
    run.until("got hello\n").await;
    run.write(b"\x03");
    let status = ExitStatus::Signal { signal: Signal::INT, core: false };
    assert_eq!(run.rest().await, [Report::Exited(status), Report::Gone(Leftovers::None)]);
}

#[tokio::test]
async fn a_shell_on_the_terminal_has_job_control() {
    let mut run = start(words("sh -i")).await;
    // It says that it runs in words that the echo of what is typed doesn't have.
    run.write(b"PS1=; sh -c 'echo job $((40+2)); exec sleep 100'\n");
    run.until("job 42").await;
    run.write(b"\x1a");
    run.until("Stopped").await;
    run.write(b"kill %1; kill -CONT %1; wait; echo over $((6*7))\n");
    run.until("over 42").await;
    // Twice: the first time it may mention a stopped job.
    run.write(b"exit\nexit\n");
    let reports = run.rest().await;
    assert!(matches!(reports[..], [Report::Exited(ExitStatus::Code(_)), Report::Gone(_)]), "{reports:?}");
}

#[tokio::test]
async fn without_a_terminal_a_run_has_two_pipes_and_no_input() {
    let command = fake(&["--show", "tty", "--print", "to out", "--error", "to err", "--read-stdin"]);
    let mut run = harness::start_with(command, |spec| spec.pty = false).await;
    run.until("end of input\n").await;
    run.control.send(&Request::Kill).expect("it listens");
    run.rest().await;
    let text = run.output().await;
    assert!(text.starts_with("terminal no no no\nleads its session yes, its group yes\ncontrolling no, "), "{text}");
    assert_eq!(run.errors().await, "to err\n");
}

#[tokio::test]
async fn a_run_sees_the_environment_of_its_plan_and_its_marker() {
    let mut run = harness::start_with(fake(&["--show", "env,cwd", "--exit", "0"]), |spec| {
        spec.cwd = "/".into();
        spec.env_removed = vec!["SECRET".to_owned()];
        for (name, value) in [("ADDED", "a b"), ("CHANGED", "new"), ("PATH", "bin:/usr/bin:/bin")] {
            let value = devserver::plan::EnvValue { value: value.to_owned(), origin: String::new() };
            spec.env.insert(name.to_owned(), value);
        }
    })
    .await;
    run.rest().await;
    let project = harness::project();
    let mut lines: Vec<String> = run.output().await.lines().map(str::to_owned).collect();
    lines.sort();
    let expected = [
        "cwd /".to_owned(),
        "env ADDED=a b".to_owned(),
        "env CHANGED=new".to_owned(),
        format!("env DEVSERVER_RUN={}", run.marker),
        "env INHERITED=yes".to_owned(),
        format!("env PATH={}/bin:/usr/bin:/bin", project.display()),
    ];
    assert_eq!(lines, expected);
}

#[tokio::test]
async fn a_run_gets_the_users_limit_of_open_files_and_goes_before_us_when_memory_runs_out() {
    let mut run = start(fake(&["--show", "limits", "--read-stdin"])).await;
    run.until("files").await;
    let bias = |pid: &str| std::fs::read_to_string(format!("/proc/{pid}/oom_score_adj")).unwrap_or_default();
    let number = |text: String| text.trim().parse::<i32>().expect("a number");
    let own = number(bias("self"));
    assert_eq!(number(bias(&run.pid.to_string())), (own + 100).min(1000));
    run.control.send(&Request::Kill).expect("it listens");
    run.rest().await;
    let text = run.output().await;
    let limit = text.lines().find(|line| line.starts_with("Max open files")).unwrap_or_default();
    assert_eq!(limit.split_ascii_whitespace().nth(3), Some(harness::OPEN_FILES.to_string().as_str()), "{text}");
}

#[tokio::test]
async fn a_stop_goes_to_the_group_or_to_the_main_process_alone() {
    let ladder = vec![rung(Signal::TERM, Target::Group, 60_000), rung(Signal::TERM, Target::Main, 60_000)];
    for (target, leftover_lives) in [(Target::Group, false), (Target::Main, true)] {
        // The shell ends on TERM; what it has started in its group only if it is told.
        let mut run = harness::start_with(words("sh -c 'sleep 100 & echo child $!; wait'"), |spec| {
            // On a terminal the end of its leader hangs up on the others.
            spec.pty = false;
            // The end of its shell is its end.
            spec.oneshot = Some(harness::oneshot());
            spec.stop.rungs = ladder.clone();
        })
        .await;
        run.until("child ").await;
        run.wait_until("the child is what it will be", |run| {
            proc::descendants(run.pid).iter().any(|pid| proc::command_line(*pid) == "sleep 100")
        })
        .await;
        let request = rung(Signal::TERM, target, 0);
        run.control.send(&Request::Signal { signal: 15, target: to_shim(request.target) }).expect("it listens");
        assert_eq!(run.next().await, Some(Report::Exited(ExitStatus::Signal { signal: Signal::TERM, core: false })));
        if leftover_lives {
            run.control.stop(&request).expect("it listens");
        }
        match run.next().await {
            Some(Report::Gone(Leftovers::None)) => assert!(!leftover_lives),
            Some(Report::Gone(Leftovers::Swept(strays))) => {
                assert!(leftover_lives);
                assert_eq!(strays.iter().map(|stray| stray.command.as_str()).collect::<Vec<_>>(), ["sleep 100"]);
            }
            other => panic!("{other:?}"),
        }
    }
}

fn to_shim(target: Target) -> devserver::shim::Target {
    match target {
        Target::Group => devserver::shim::Target::Group,
        Target::Main => devserver::shim::Target::Main,
    }
}

#[tokio::test]
async fn a_stopped_process_hears_the_stop() {
    let mut run = start(fake(&["--print", "up"])).await;
    run.until("up\n").await;
    run.control.send(&Request::Signal { signal: 19, target: devserver::shim::Target::Main }).expect("it listens");
    run.wait_until("it is stopped", |run| proc::stat(run.pid).is_some_and(|stat| stat.state == 'T')).await;
    run.control
        .stop(&Rung { signal: Signal::TERM, target: Target::Group, timeout: Duration::ZERO })
        .expect("it listens");
    let status = ExitStatus::Signal { signal: Signal::TERM, core: false };
    assert_eq!(run.rest().await, [Report::Exited(status), Report::Gone(Leftovers::None)]);
}

/// Whatever is written to a run whose end is being waited for isn't lost.
#[tokio::test]
async fn waiting_for_news_can_be_given_up_and_begun_again() {
    let mut run: Run = start(fake(&["--exit-after-ms", "30"])).await;
    let mut news = Vec::new();
    while news.len() < 2 {
        if let Ok(Some(report)) = tokio::time::timeout(Duration::from_millis(1), run.next()).await {
            news.push(report);
        }
    }
    assert_eq!(news, [Report::Exited(ExitStatus::Code(0)), Report::Gone(Leftovers::None)]);
}
