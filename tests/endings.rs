//! However it ends, nothing of it is left, the terminal is as it was, and each process heard its own stop signal
//! before anything else: not a hang-up, not a broken pipe.
//!
//! Survivors are counted among all processes of a private namespace; where there can be none, by mark and by pid
//! with start time, never by name.

#![expect(clippy::print_stdout, reason = "each ending says how it was counted what is left")]

mod scene;

use devserver::model::Signal;

pub(crate) use scene::{ALL, Ending, Scene};

use crate::support::isolated::isolated;

/// Everything is up; then it ends.
fn ends(name: &str, endings: &[Ending]) {
    isolated(&format!("endings::{name}"), || {
        for ending in endings {
            let mut scene = Scene::start(*ending);
            scene.until_up();
            scene.end(false);
            let count = scene.check(false);
            println!("{ending:?}: 0 left, of {count}");
        }
    });
}

#[test]
fn one_ctrl_c_stops_all_of_it() {
    ends("one_ctrl_c_stops_all_of_it", &[Ending::CtrlC(1)]);
}

#[test]
fn a_second_ctrl_c_kills_all_of_it() {
    ends("a_second_ctrl_c_kills_all_of_it", &[Ending::CtrlC(2)]);
}

#[test]
fn a_third_ctrl_c_leaves_and_the_shims_clean_up() {
    ends("a_third_ctrl_c_leaves_and_the_shims_clean_up", &[Ending::CtrlC(3)]);
}

#[test]
fn ctrl_backslash_term_and_hup_stop_all_of_it() {
    let endings = [Ending::CtrlBackslash, Ending::Signal(Signal::TERM), Ending::Signal(Signal::HUP)];
    ends("ctrl_backslash_term_and_hup_stop_all_of_it", &endings);
}

#[test]
fn a_term_for_the_whole_group_stops_all_of_it() {
    ends("a_term_for_the_whole_group_stops_all_of_it", &[Ending::GroupSignal(Signal::TERM)]);
}

#[test]
fn a_window_that_is_closed_stops_all_of_it() {
    ends("a_window_that_is_closed_stops_all_of_it", &[Ending::WindowClosed]);
}

#[test]
fn a_shell_that_is_killed_takes_all_of_it_down() {
    ends("a_shell_that_is_killed_takes_all_of_it_down", &[Ending::ShellKilled]);
}

#[test]
fn a_panic_in_the_loop_or_in_a_task_ends_all_of_it() {
    let places = ["loop", "host", "child", "pump"].map(Ending::Panic);
    ends("a_panic_in_the_loop_or_in_a_task_ends_all_of_it", &places);
}

#[test]
fn a_loop_that_hears_nothing_any_more_is_left_by_the_third_ctrl_c() {
    ends("a_loop_that_hears_nothing_any_more_is_left_by_the_third_ctrl_c", &[Ending::Stuck]);
}

#[test]
fn a_panic_in_a_view_ends_all_of_it() {
    ends("a_panic_in_a_view_ends_all_of_it", &["printer", "store"].map(Ending::Panic));
}

#[test]
fn an_output_that_nobody_reads_any_more_stops_all_of_it() {
    ends("an_output_that_nobody_reads_any_more_stops_all_of_it", &[Ending::OutputClosed]);
}

#[test]
fn a_killed_supervisor_leaves_nothing_of_its_services() {
    ends("a_killed_supervisor_leaves_nothing_of_its_services", &[Ending::Signal(Signal::KILL)]);
}

#[test]
fn a_supervisor_that_is_killed_while_its_shims_are_stopped_leaves_nothing() {
    let name = "a_supervisor_that_is_killed_while_its_shims_are_stopped_leaves_nothing";
    ends(name, &[Ending::KilledWithStoppedShims]);
}

#[test]
fn what_loses_its_shim_is_swept_and_started_again_and_the_others_stay() {
    let name = "what_loses_its_shim_is_swept_and_started_again_and_the_others_stay";
    ends(name, &[Ending::ShimKilled, Ending::ShimsKilled]);
}
