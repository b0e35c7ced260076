//! How the supervisor stops what runs, one sentence each.

use std::time::Duration;

use devserver::model::{Event, Failure, Phase, Pid, Signal};
use devserver::plan::{Rung, Target};
use devserver::supervise::Input;

use super::fixture::{Sim, plan, process};

const NONE: [&str; 0] = [];

#[test]
fn while_a_stop_takes_long_it_says_for_how_long_and_for_whom_it_waits() {
    let mut sim = Sim::new("a");
    sim.until_ready();
    let late = Input::Remaining(sim.run("a"), Vec::new(), 1);
    sim.step(late.clone());
    assert_eq!(sim.stop("a"), ["TERM a"]);
    sim.after(4_000);
    sim.step(late.clone());
    sim.after(6_000);
    sim.after(1_000);
    sim.step(late);
    let said = sim.said(|event| match event {
        Event::StillStopping { by, waited, of, .. } => Some((by.to_string(), waited.as_secs(), of.as_secs())),
        _ => None,
    });
    assert_eq!(said, [("TERM".to_owned(), 4, 10), ("KILL".to_owned(), 1, 2)]);
}

#[test]
fn a_process_that_ignores_term_is_killed_and_the_ladder_says_so() {
    let mut sim = Sim::new("a");
    sim.until_ready();
    assert_eq!(sim.interrupt(), ["TERM a"]);
    assert_eq!(sim.after(9_999), NONE);
    assert_eq!(sim.after(1), ["KILL a"]);
    let said = sim.said(|event| match event {
        Event::Escalated { ignored, after, signal, .. } => Some((*ignored, after.as_secs(), *signal)),
        _ => None,
    });
    assert_eq!(said, [(Signal::TERM, 10, Signal::KILL)]);
    assert_eq!(sim.exited("a"), ["finish Fine"]);
}

#[test]
fn what_survives_kill_is_named_and_not_waited_for() {
    let mut sim = Sim::new("a; b depends_on a");
    sim.until_ready();
    sim.interrupt();
    assert_eq!(sim.next(), ["KILL b"]);
    assert_eq!(sim.next(), ["TERM a"]);
    let failure = Failure::Unkillable { pids: vec![Pid(1_001)] };
    assert_eq!(sim.phase("b"), Phase::Failed { failure });
    assert_eq!(sim.exited("a"), ["finish Unstoppable([ProcessName(\"b\")])"]);
}

#[test]
fn what_survived_kill_gets_no_second_run_beside_it() {
    let mut sim = Sim::new("a; b");
    sim.until_ready();
    sim.restart("a");
    sim.next();
    sim.next();
    assert!(matches!(sim.phase("a"), Phase::Failed { failure: Failure::Unkillable { .. } }));
    assert!(!sim.start("a").iter().any(|action| action.starts_with("spawn")));
    assert_eq!(sim.gone("a"), ["spawn a#2"]);
}

#[test]
fn a_ladder_may_end_in_its_own_kill() {
    let mut spec = process("a");
    let rung = |signal, millis| Rung { signal, target: Target::Group, timeout: Duration::from_millis(millis) };
    spec.stop.rungs = vec![rung(Signal::INT, 10), rung(Signal::TERM, 20), rung(Signal::KILL, 30)];
    let mut sim = Sim::of(plan(vec![spec]));
    sim.until_ready();
    assert_eq!(sim.interrupt(), ["INT a"]);
    assert_eq!(sim.after(10), ["TERM a"]);
    assert_eq!(sim.after(20), ["KILL a"]);
    assert_eq!(sim.after(30), ["finish Unstoppable([ProcessName(\"a\")])"]);
}

fn command_ends(sim: &mut Sim, name: &str, outcome: Result<(), &str>) -> Vec<String> {
    let run = sim.run(name);
    sim.step(Input::StopCommandEnded(run, outcome.map_err(str::to_owned)))
}

fn stop_commands_failed(sim: &Sim) -> Vec<String> {
    sim.said(|event| match event {
        Event::StopCommandFailed { why, signal, .. } => Some(format!("{why}, {signal}")),
        _ => None,
    })
}

#[test]
fn a_stop_command_comes_before_all_signals() {
    let mut sim = Sim::new("a; b commanded depends_on a");
    sim.until_ready();
    assert_eq!(sim.interrupt(), ["`halt` for b"]);
    assert_eq!(command_ends(&mut sim, "b", Ok(())), NONE, "it may take its time");
    assert_eq!(sim.main_exits("b", 0), ["TERM b"], "what it leaves behind is told");
    assert_eq!(sim.gone("b"), ["TERM a"]);
    assert_eq!(stop_commands_failed(&sim), NONE);
}

#[test]
fn a_stop_command_that_goes_on_after_the_end_is_waited_for() {
    let mut sim = Sim::new("a commanded");
    sim.until_ready();
    assert_eq!(sim.interrupt(), ["`halt` for a"]);
    assert_eq!(sim.main_exits("a", 0), NONE);
    assert_eq!(command_ends(&mut sim, "a", Ok(())), ["TERM a"]);
    assert_eq!(sim.gone("a"), ["finish Fine"]);
}

#[test]
fn after_a_stop_command_that_fails_or_hangs_or_does_nothing_come_the_signals() {
    for (outcome, why) in [
        (Some(Err("exited with 1: no server")), "exited with 1: no server, TERM"),
        (Some(Ok(())), "exited with 0, but it is still there after 5s, TERM"),
        (None, "hasn't ended after 5s, TERM"),
    ] {
        let mut sim = Sim::new("a commanded");
        sim.until_ready();
        assert_eq!(sim.stop("a"), ["`halt` for a"]);
        let mut done = outcome.map_or_else(Vec::new, |outcome| command_ends(&mut sim, "a", outcome));
        if done.is_empty() {
            assert_eq!(sim.after(4_999), NONE);
            done = sim.after(1);
        }
        assert_eq!((done, stop_commands_failed(&sim)), (vec!["TERM a".to_owned()], vec![why.to_owned()]));
        assert_eq!(command_ends(&mut sim, "a", Err("was lost")), NONE, "too late");
        assert_eq!(sim.after(10_000), ["KILL a"]);
    }
}

#[test]
fn a_stop_command_is_for_who_lives_and_not_for_who_is_killed() {
    let mut sim = Sim::new("a commanded; b commanded");
    sim.begin();
    sim.spawned("b");
    assert_eq!(sim.stop("a"), ["TERM a"], "it isn't there yet");
    assert_eq!(sim.main_exits("b", 1), ["TERM b"], "it has ended");
    sim.gone("b");
    sim.next();
    sim.spawned("b");
    assert_eq!(sim.interrupt(), ["`halt` for b"]);
    assert_eq!(sim.interrupt(), ["KILL a", "KILL b"]);
}

#[test]
fn what_does_not_depend_on_each_other_stops_side_by_side() {
    let mut sim = Sim::new("a; b depends_on a; c depends_on a; d; e depends_on d");
    sim.until_ready();
    assert_eq!(sim.interrupt(), ["TERM e", "TERM c", "TERM b"]);
    assert_eq!(sim.exited("e"), ["TERM d"]);
    assert_eq!(sim.exited("c"), NONE);
    assert_eq!(sim.exited("b"), ["TERM a"]);
}

#[test]
fn the_main_process_is_what_a_shell_left_behind() {
    let mut sim = Sim::new("a");
    sim.until_ready();
    let (run, pid) = (sim.run("a"), |sim: &Sim| sim.supervisor.status().processes[0].pid);
    assert_eq!((sim.step(Input::Inherited(run.clone(), Pid(77))), pid(&sim)), (Vec::new(), Some(Pid(77))));
    sim.main_exits("a", 0);
    assert_eq!((sim.step(Input::Inherited(run, Pid(78))), pid(&sim)), (Vec::new(), None), "it has ended");
}

#[test]
fn a_users_command_makes_the_count_of_failures_start_anew() {
    for restart in [false, true] {
        let mut sim = Sim::new("a; b");
        sim.until_ready();
        // Three in a row are too many: one by one, each excused by a command, none is.
        for _ in 0..4 {
            for _ in 0..2 {
                sim.exits("a", 1);
                sim.next();
                sim.spawned("a");
            }
            sim.exits("a", 1);
            assert!(matches!(sim.phase("a"), Phase::Failed { failure: Failure::GaveUp { runs: 3, .. } }));
            let done = if restart { sim.restart("a") } else { sim.start("a") };
            assert!(done.iter().any(|action| action.starts_with("spawn a#")), "{done:?}");
            sim.spawned("a");
        }
    }
}
