//! What the supervisor does, one sentence each.

use std::time::Duration;

use devserver::model::{
    Command, Event, ExitStatus, Failure, Health, Hold, Leftovers, PeerAnswer, Phase, Pid, ProbeFailure, ProcessName,
    RunId, Selector, Signal, SiloName, SpawnFailure,
};
use devserver::plan::{Condition, Dependency, Peer};
use devserver::supervise::Input;

use super::fixture::{Sim, plan, process};

const NONE: [&str; 0] = [];

fn name(text: &str) -> ProcessName {
    ProcessName::new(text).expect("a name")
}

fn port_taken() -> SpawnFailure {
    SpawnFailure::PortTaken { port: 8010, holder: None }
}

#[test]
fn dependents_stop_before_their_dependencies() {
    let mut sim = Sim::new("a; b depends_on a");
    sim.until_ready();
    assert_eq!(sim.interrupt(), ["TERM b"]);
    assert_eq!(sim.exited("b"), ["TERM a"]);
    assert_eq!(sim.exited("a"), ["finish Fine"]);
}

#[test]
fn a_process_starts_when_its_dependencies_are_ready() {
    let mut sim = Sim::new("a; b depends_on a; c");
    assert_eq!(sim.begin(), ["spawn a#1", "spawn c#1"]);
    assert_eq!(sim.spawned("a"), NONE);
    assert_eq!(sim.hold("b"), Some(Hold::Waiting { dependencies: vec![name("a")] }));
    assert_eq!(sim.ready("a"), ["spawn b#1"]);
    assert_eq!(sim.hold("b"), None);
}

#[test]
fn conditions_gate_on_start_readiness_and_success() {
    let mut sim = Sim::new("a; s after_start_of a; r depends_on a; x oneshot; y after_success_of x; z depends_on x");
    assert_eq!(sim.begin(), ["spawn a#1", "spawn x#1"]);
    assert_eq!(sim.spawned("a"), ["spawn s#1"]);
    assert_eq!(sim.ready("a"), ["spawn r#1"]);
    assert_eq!(sim.spawned("x"), NONE);
    assert_eq!(sim.exits("x", 0), ["remember x", "spawn y#1", "spawn z#1"]);
}

#[test]
fn without_probes_a_process_is_ready_once_spawned() {
    let mut sim = Sim::new("a unprobed; b depends_on a");
    sim.begin();
    assert_eq!(sim.spawned("a"), ["spawn b#1"]);
}

#[test]
fn a_dependency_outside_the_run_does_not_gate() {
    let mut sim = Sim::new("a depends_on elsewhere");
    assert_eq!(sim.begin(), ["spawn a#1"]);
}

#[test]
fn a_oneshot_that_is_not_stale_is_done_without_a_run() {
    let mut sim = Sim::new("venv fresh; a depends_on venv");
    assert_eq!(sim.begin(), ["spawn a#1"]);
    assert_eq!(sim.phase("venv"), Phase::Done { status: ExitStatus::Code(0) });
}

#[test]
fn a_oneshot_whose_work_somebody_else_did_is_done() {
    let mut sim = Sim::new("venv oneshot; a depends_on venv");
    sim.begin();
    let run = sim.run("venv");
    assert_eq!(sim.step(Input::UpToDate(run)), ["spawn a#1"]);
}

#[test]
fn a_crash_leaves_dependents_up() {
    let mut sim = Sim::new("a; b depends_on a");
    sim.until_ready();
    assert_eq!(sim.exits("a", 1), NONE);
    assert_eq!(sim.phase("b"), Phase::Ready);
    assert_eq!(sim.next(), ["spawn a#2"]);
}

#[test]
fn a_crash_takes_bound_dependents_down_and_brings_them_back() {
    let mut sim = Sim::new("a; b bound_to a");
    sim.until_ready();
    assert_eq!(sim.main_exits("a", 1), ["TERM a", "TERM b"]);
    sim.gone("a");
    sim.exited("b");
    assert_eq!(sim.next(), ["spawn a#2"]);
    sim.spawned("a");
    assert_eq!(sim.ready("a"), ["spawn b#2"]);
}

#[test]
fn what_a_crashed_main_process_left_behind_climbs_the_ladder_before_the_next_run() {
    let mut sim = Sim::new("a");
    sim.until_ready();
    assert_eq!(sim.main_exits("a", 1), ["TERM a"]);
    assert_eq!(sim.next(), ["KILL a"]);
    assert_eq!(sim.gone("a"), NONE);
    assert_eq!(sim.next(), ["spawn a#2"]);
}

#[test]
fn what_a_main_process_leaves_behind_is_told_too() {
    let mut sim = Sim::new("worker main");
    sim.until_ready();
    assert_eq!(sim.interrupt(), ["TERM main of worker"]);
    assert_eq!(sim.main_exits("worker", 0), ["TERM worker"]);
    assert_eq!(sim.gone("worker"), ["finish Fine"]);
}

#[test]
fn restarts_back_off_and_then_it_gives_up_once() {
    let mut sim = Sim::new("a; b");
    sim.until_ready();
    let mut delays = Vec::new();
    for number in 2..=3 {
        sim.exits("a", 1);
        let Phase::Backoff { until } = sim.phase("a") else { panic!("{:?}", sim.phase("a")) };
        delays.push(until.since(sim.now).as_millis());
        assert_eq!(sim.next(), [format!("spawn a#{number}")]);
        sim.spawned("a");
    }
    assert!((400..=600).contains(&delays[0]) && (800..=1_200).contains(&delays[1]), "{delays:?}");
    assert_eq!(sim.exits("a", 1), NONE);
    let failure = Failure::GaveUp { runs: 3, last: Some(ExitStatus::Code(1)) };
    assert_eq!(sim.phase("a"), Phase::Failed { failure });
    let said = sim.said(|event| match event {
        Event::GaveUp { why, .. } => Some(why.clone()),
        _ => None,
    });
    assert_eq!(said, ["3 runs in a row ended early; the last one exited with 1"]);
}

#[test]
fn long_readiness_makes_the_count_start_anew() {
    let mut sim = Sim::new("a");
    sim.until_ready();
    for number in 2..10 {
        sim.after(30_000);
        sim.exits("a", 1);
        assert_eq!(sim.next(), [format!("spawn a#{number}")]);
        sim.spawned("a");
        sim.ready("a");
    }
}

#[test]
fn a_slow_start_is_no_readiness() {
    let mut sim = Sim::new("a patient");
    sim.begin();
    for _ in 0..3 {
        sim.spawned("a");
        sim.after(100_000);
        sim.exits("a", 1);
        if sim.supervisor.next_deadline().is_some() {
            sim.next();
        }
    }
    assert!(matches!(sim.phase("a"), Phase::Failed { failure: Failure::GaveUp { runs: 3, .. } }));
}

#[test]
fn a_taken_port_is_a_backoff_and_says_so_when_it_gives_up() {
    let mut sim = Sim::new("a; b");
    sim.begin();
    for _ in 0..2 {
        assert_eq!(sim.spawn_fails("a", port_taken()), NONE);
        assert!(matches!(sim.phase("a"), Phase::Backoff { .. }));
        sim.next();
    }
    sim.spawn_fails("a", port_taken());
    assert_eq!(sim.phase("a"), Phase::Failed { failure: Failure::Spawn { failure: port_taken() } });
    let said = sim.said(|event| match event {
        Event::GaveUp { why, .. } => Some(why.clone()),
        _ => None,
    });
    assert_eq!(said, ["3 tries in a row failed; the last one: port 8010 is taken"]);
}

#[test]
fn a_missing_program_is_not_tried_again() {
    let mut sim = Sim::new("a; b");
    sim.begin();
    let failure = SpawnFailure::ProgramNotFound { program: "nope".into() };
    sim.spawn_fails("a", failure.clone());
    assert_eq!(sim.phase("a"), Phase::Failed { failure: Failure::Spawn { failure } });
}

#[test]
fn a_service_that_ends_with_0_is_done_unless_its_policy_is_always() {
    let mut sim = Sim::new("a; b always; c never; d never");
    sim.until_ready();
    for each in ["a", "b", "c"] {
        sim.exits(each, 0);
    }
    sim.exits("d", 3);
    assert_eq!(sim.phase("a"), Phase::Done { status: ExitStatus::Code(0) });
    assert!(matches!(sim.phase("b"), Phase::Backoff { .. }));
    assert_eq!(sim.phase("c"), Phase::Done { status: ExitStatus::Code(0) });
    assert_eq!(sim.phase("d"), Phase::Failed { failure: Failure::Exited { status: ExitStatus::Code(3) } });
}

#[test]
fn what_is_not_ready_in_time_is_stopped_and_counts_as_failed() {
    let mut sim = Sim::new("a; b never");
    sim.begin();
    sim.spawned("a");
    sim.spawned("b");
    let last = ProbeFailure::Refused { target: "127.0.0.1:1".into() };
    let run = sim.run("a");
    sim.step(Input::ProbeFailed(run.clone(), last.clone()));
    assert_eq!(sim.next(), ["TERM a", "TERM b"]);
    sim.exited("a");
    sim.exited("b");
    assert!(matches!(sim.phase("a"), Phase::Backoff { .. }));
    let failure = Failure::NotReady { after: Duration::from_secs(60), last: None };
    assert_eq!(sim.phase("b"), Phase::Failed { failure });
    let said = sim.said(|event| match event {
        Event::NotReady { run, last, .. } => Some((run.clone(), last.clone())),
        _ => None,
    });
    assert_eq!(said[0], (run, Some(last)));
}

#[test]
fn a_probe_that_fails_after_readiness_degrades() {
    let mut sim = Sim::new("a");
    sim.until_ready();
    let health = |sim: &Sim| sim.supervisor.status().processes[0].health;
    let run = sim.run("a");
    sim.step(Input::ProbeFailed(run, ProbeFailure::NoLine { pattern: "x".into() }));
    assert_eq!((health(&sim), sim.phase("a")), (Health::Degraded, Phase::Ready));
    sim.ready("a");
    assert_eq!(health(&sim), Health::Ok);
    let said = sim.said(|event| match event {
        Event::HealthChanged { health, last, .. } => Some((*health, last.is_some())),
        _ => None,
    });
    assert_eq!(said, [(Health::Degraded, true), (Health::Ok, false)]);
}

fn fails_its_probe(sim: &mut Sim, name: &str) -> Vec<String> {
    let run = sim.run(name);
    sim.step(Input::ProbeFailed(run, ProbeFailure::NoLine { pattern: "x".into() }))
}

#[test]
fn with_liveness_so_many_failures_in_a_row_end_the_run_and_it_is_started_again() {
    let mut spec = process("a");
    spec.ready.liveness = Some(2);
    let mut sim = Sim::of(plan(vec![spec]));
    sim.until_ready();
    assert_eq!(fails_its_probe(&mut sim, "a"), NONE);
    sim.ready("a");
    assert_eq!(fails_its_probe(&mut sim, "a"), NONE);
    assert_eq!(fails_its_probe(&mut sim, "a"), ["TERM a"]);
    sim.exited("a");
    assert_eq!(sim.next(), ["spawn a#2"]);
    sim.spawned("a");
    sim.ready("a");
    assert_eq!(fails_its_probe(&mut sim, "a"), NONE);
}

#[test]
fn who_waits_for_its_dependents_to_stop_is_not_ended_by_its_probe() {
    let mut a = process("a");
    a.ready.liveness = Some(1);
    let mut b = process("b");
    b.depends_on.push(Dependency { process: name("a"), condition: Condition::Ready });
    let mut sim = Sim::of(plan(vec![a, b]));
    sim.until_ready();
    assert_eq!(sim.interrupt(), ["TERM b"]);
    assert_eq!(fails_its_probe(&mut sim, "a"), NONE);
    assert_eq!(sim.exited("b"), ["TERM a"]);
}

#[test]
fn who_is_held_by_a_debugger_is_not_ended_by_its_probe() {
    let mut spec = process("a");
    spec.ready.liveness = Some(2);
    let mut sim = Sim::of(plan(vec![spec]));
    sim.until_ready();
    fails_its_probe(&mut sim, "a");
    for _ in 0..3 {
        let run = sim.run("a");
        assert_eq!(sim.step(Input::Paused(run, Health::InDebugger)), NONE);
    }
    assert_eq!(sim.supervisor.status().processes[0].health, Health::InDebugger);
    sim.ready("a");
    assert_eq!(sim.supervisor.status().processes[0].health, Health::Ok);
}

#[test]
fn that_memory_ran_out_is_said_of_an_end_that_nobody_asked_for() {
    let killed = ExitStatus::Signal { signal: Signal::KILL, core: false };
    for asked in [false, true] {
        let mut sim = Sim::new("a");
        sim.until_ready();
        if asked {
            sim.stop("a");
        }
        let run = sim.run("a");
        assert_eq!(sim.step(Input::OutOfMemory(run.clone())), NONE);
        sim.step(Input::Exited(run, killed));
        let said = sim.said(|event| match event {
            Event::Exited { out_of_memory, .. } => Some(*out_of_memory),
            _ => None,
        });
        assert_eq!(said, [!asked]);
    }
}

#[test]
fn dependents_of_what_failed_are_blocked_and_it_is_said_once() {
    let mut sim = Sim::new("a never; b depends_on a; c depends_on b; d");
    sim.begin();
    sim.spawned("a");
    sim.exits("a", 7);
    sim.spawned("d");
    let failure = Failure::Exited { status: ExitStatus::Code(7) };
    assert_eq!(sim.hold("c"), Some(Hold::Blocked { dependency: name("a"), failure }));
    let said = sim.said(|event| match event {
        Event::Blocked { process, dependency } => Some(format!("{process} by {dependency}")),
        _ => None,
    });
    assert_eq!(said, ["b by a", "c by a"]);
    assert_eq!(sim.start("a")[0], "reply 1: Done { processes: [ProcessName(\"a\")] }");
    sim.spawned("a");
    assert_eq!(sim.ready("a"), ["spawn b#1"]);
}

#[test]
fn a_second_interrupt_kills_everything_at_once_and_a_third_leaves() {
    let mut sim = Sim::new("a; b depends_on a");
    sim.until_ready();
    assert_eq!(sim.interrupt(), ["TERM b"]);
    assert_eq!(sim.interrupt(), ["KILL a", "KILL b"]);
    assert_eq!(sim.exited("b"), NONE);
    assert_eq!(sim.interrupt(), ["finish Abandoned"]);
    assert_eq!(sim.interrupt(), NONE);
}

#[test]
fn a_second_interrupt_makes_the_verdict_killed() {
    let mut sim = Sim::new("a");
    sim.until_ready();
    sim.interrupt();
    sim.interrupt();
    assert_eq!(sim.exited("a"), ["finish Killed"]);
    let said = sim.said(|event| match event {
        Event::Stopping { processes, now } => Some((*processes, *now)),
        _ => None,
    });
    assert_eq!(said, [(1, false), (1, true)]);
}

#[test]
fn a_closing_terminal_that_hangs_up_twice_kills_nobody() {
    let mut sim = Sim::new("a");
    sim.until_ready();
    assert_eq!(sim.step(Input::Interrupted(Signal::HUP)), ["TERM a"]);
    assert_eq!(sim.step(Input::Interrupted(Signal::HUP)), NONE);
    assert_eq!(sim.interrupt(), ["KILL a"]);
}

#[test]
fn a_readiness_deadline_lapses_when_everything_stops() {
    let mut sim = Sim::new("a; b after_start_of a");
    sim.begin();
    sim.spawned("a");
    sim.spawned("b");
    assert_eq!(sim.interrupt(), ["TERM b"]);
    assert_eq!(sim.phase("a"), Phase::Running { ready_by: None });
}

#[test]
fn a_spawn_under_way_is_taken_back() {
    let mut sim = Sim::new("a");
    sim.begin();
    assert_eq!(sim.interrupt(), ["TERM a"]);
    assert_eq!(sim.gone("a"), ["finish Fine"]);
}

#[test]
fn the_end_of_a_process_with_exit_on_end_is_the_end_of_all() {
    let mut sim = Sim::new("a; b exit_on_end always");
    sim.until_ready();
    assert_eq!(sim.exits("b", 3), ["TERM a"]);
    assert_eq!(sim.exited("a"), ["finish Ended { process: ProcessName(\"b\"), status: Code(3) }"]);
}

#[test]
fn a_stop_by_command_is_not_the_end_of_all() {
    let mut sim = Sim::new("a; b exit_on_end");
    sim.until_ready();
    assert_eq!(sim.stop("b"), ["TERM b"]);
    assert_eq!(sim.exited("b"), ["reply 1: Done { processes: [ProcessName(\"b\")] }"]);
    assert_eq!(sim.phase("a"), Phase::Ready);
}

#[test]
fn a_process_with_exit_on_end_that_gives_up_ends_the_session() {
    let mut sim = Sim::new("a; b exit_on_end");
    sim.begin();
    sim.spawned("a");
    assert_eq!(sim.spawn_fails("b", SpawnFailure::ProgramNotFound { program: "b".into() }), ["TERM a"]);
    assert_eq!(sim.exited("a"), ["finish GaveUp([ProcessName(\"b\")])"]);
}

#[test]
fn when_nothing_can_run_any_more_the_session_is_over() {
    let mut sim = Sim::new("a never; b depends_on a; x oneshot");
    sim.begin();
    sim.spawned("x");
    sim.exits("x", 0);
    sim.spawned("a");
    assert_eq!(sim.exits("a", 1), ["finish GaveUp([ProcessName(\"a\")])"]);
    assert_eq!(sim.said(|event| matches!(event, Event::Settled { .. }).then_some(())).len(), 1);
}

#[test]
fn when_all_work_is_done_the_session_is_over() {
    let mut sim = Sim::new("x oneshot; y oneshot depends_on x");
    sim.begin();
    sim.spawned("x");
    assert_eq!(sim.exits("x", 0), ["remember x", "spawn y#1"]);
    sim.spawned("y");
    assert_eq!(sim.exits("y", 0), ["remember y", "finish Fine"]);
}

#[test]
fn what_was_stopped_by_hand_may_be_started_by_hand() {
    let mut sim = Sim::new("x fresh; a depends_on x");
    sim.until_ready();
    sim.stop("a");
    assert_eq!(sim.exited("a"), ["reply 1: Done { processes: [ProcessName(\"a\")] }"]);
    assert_eq!(sim.hold("a"), Some(Hold::NotWanted));
    assert_eq!(sim.start("a"), ["reply 2: Done { processes: [ProcessName(\"a\")] }", "spawn a#2"]);
}

#[test]
fn starting_a_process_wants_what_it_stands_on() {
    let mut sim = Sim::new("a; b depends_on a");
    sim.until_ready();
    sim.stop("*");
    sim.exited("b");
    sim.exited("a");
    assert!(sim.start("b").contains(&"spawn a#2".to_owned()));
}

#[test]
fn a_restart_waits_until_the_whole_tree_is_gone() {
    let mut sim = Sim::new("a");
    sim.until_ready();
    assert_eq!(sim.restart("a"), ["TERM a"]);
    assert_eq!(sim.main_exits("a", 0), NONE);
    assert_eq!(sim.gone("a"), ["spawn a#2"]);
    sim.spawned("a");
    assert_eq!(sim.ready("a"), ["reply 1: Done { processes: [ProcessName(\"a\")] }"]);
}

#[test]
fn restarting_all_goes_down_in_reverse_and_up_in_order() {
    let mut sim = Sim::new("a; x oneshot depends_on a; c depends_on x");
    sim.until_ready();
    assert_eq!(sim.restart("*"), ["TERM c"]);
    assert_eq!(sim.exited("c"), ["TERM a"]);
    assert_eq!(sim.exited("a"), ["spawn a#2"]);
    sim.spawned("a");
    assert_eq!(sim.ready("a"), ["spawn x#2"]);
    sim.spawned("x");
    assert_eq!(sim.exits("x", 0), ["remember x", "spawn c#2"]);
}

#[test]
fn a_stop_reaches_a_dependency_below_finished_work_last() {
    let mut sim = Sim::new("database; migrate oneshot depends_on database; server depends_on migrate");
    sim.until_ready();
    assert_eq!(sim.interrupt(), ["TERM server"]);
    assert_eq!(sim.exited("server"), ["TERM database"]);
}

#[test]
fn a_restart_that_fails_is_answered() {
    let mut sim = Sim::new("a never; b");
    sim.until_ready();
    sim.restart("a");
    sim.exited("a");
    sim.spawned("a");
    assert_eq!(sim.exits("a", 4), ["reply 1: Failed { process: ProcessName(\"a\"), why: \"it exited with 4\" }"]);
}

#[test]
fn a_selector_that_names_nobody_is_told_who_could_be_meant() {
    let mut sim = Sim::new("a; b");
    sim.until_ready();
    let reply = "reply 1: Unknown { name: \"c\", known: [ProcessName(\"a\"), ProcessName(\"b\")] }";
    assert_eq!(sim.stop("c"), [reply]);
}

#[test]
fn a_users_signal_goes_to_those_that_live() {
    let mut sim = Sim::new("a; b depends_on a");
    sim.begin();
    sim.spawned("a");
    let command = Command::Signal { selector: Selector::new("*"), signal: Signal::USR1 };
    assert_eq!(sim.command(command), ["signal USR1 a", "reply 1: Done { processes: [ProcessName(\"a\")] }"]);
}

#[test]
fn late_news_of_an_earlier_run_changes_nothing() {
    let mut sim = Sim::new("a");
    sim.until_ready();
    let first = sim.run("a");
    sim.exits("a", 1);
    sim.next();
    let before = sim.supervisor.status();
    let effects = sim.effects.len();
    for late in [
        Input::Exited(first.clone(), ExitStatus::Code(0)),
        Input::Gone(first.clone(), Leftovers::None),
        Input::ProbePassed(first.clone()),
        Input::Spawned(RunId { process: name("nobody"), number: 1 }, Pid(1)),
        Input::ShimLost(first),
    ] {
        sim.step(late);
    }
    assert_eq!((sim.supervisor.status(), sim.effects.len()), (before, effects));
}

#[test]
fn starting_up_ends_with_a_summary_that_knows_the_other_silos() {
    let mut plan = plan(vec![process("a"), process("b")]);
    plan.notices.push("celery-beat is off".into());
    let silo = SiloName::new("control").expect("a name");
    plan.peers.push(Peer { silo: silo.clone(), host: "127.0.0.1".into(), port: 8001, start: String::new() });
    let mut sim = Sim::of(plan);
    sim.begin();
    assert_eq!(sim.said(|event| matches!(event, Event::Notice { .. }).then_some(())).len(), 1);
    sim.spawned("a");
    sim.spawned("b");
    assert_eq!(sim.ready("a"), NONE);
    assert_eq!(sim.ready("b"), ["ask 1 peers"]);
    let answer = PeerAnswer { silo, address: "127.0.0.1:8001".into(), answers: false, start: String::new() };
    sim.step(Input::PeersAnswered(vec![answer.clone()]));
    sim.step(Input::PeersAnswered(vec![]));
    let said = sim.said(|event| match event {
        Event::Settled { peers, status } => Some((peers.clone(), status.processes.len())),
        _ => None,
    });
    assert_eq!(said, [(vec![answer], 2)]);
}

#[test]
fn a_lost_shim_counts_as_a_failed_run() {
    let mut sim = Sim::new("a");
    sim.until_ready();
    let run = sim.run("a");
    assert_eq!(sim.step(Input::ShimLost(run)), NONE);
    assert_eq!(sim.next(), ["spawn a#2"]);
}

#[test]
fn a_ctrl_z_suspends_and_changes_nothing_else() {
    let mut sim = Sim::new("a; b depends_on a");
    sim.until_ready();
    let before = sim.supervisor.status();
    assert_eq!(sim.step(Input::Interrupted(Signal::TSTP)), ["suspend"]);
    assert_eq!(sim.step(Input::Resumed(Duration::from_secs(3_600))), NONE);
    assert_eq!(sim.supervisor.status(), before);
    assert_eq!(sim.interrupt(), ["TERM b"], "it isn't counted as an interrupt");
    assert_eq!(sim.step(Input::Interrupted(Signal::TSTP)), ["suspend"], "nor is it refused while all is being stopped");
    assert_eq!(sim.exited("b"), ["TERM a"]);
}
