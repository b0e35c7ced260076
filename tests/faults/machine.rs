//! What the machine does: run out of things, and count what we leave of them.

use std::fs;

use devserver::model::{Command, Reply, Selector, Signal, Verdict};
use devserver::sys::proc;

use crate::support::isolated::isolated;
use crate::support::session::{Stack, eventually, fake};

fn count(what: &str) -> usize {
    fs::read_dir(format!("/proc/self/{what}")).expect("we exist").count()
}

#[test]
fn a_hundred_restarts_leave_no_descriptor_no_thread_and_no_zombie() {
    isolated("faults::machine::a_hundred_restarts_leave_no_descriptor_no_thread_and_no_zombie", || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let folder = tempfile::tempdir().expect("a folder");
            let mut pipes = fake("pipes", &[]);
            pipes.pty = false;
            let mut stack = Stack::start(folder.path(), vec![fake("pty", &[]), pipes]);
            let own = devserver::sys::session::own_pid();
            let restart = async |stack: &mut Stack| {
                let command = Command::Restart { selector: Selector::new("*"), wait: true };
                assert!(matches!(stack.command(command).await, Reply::Done { .. }));
            };
            for _ in 0..5 {
                restart(&mut stack).await;
            }
            let before = (count("fd"), count("task"));
            for _ in 0..100 {
                restart(&mut stack).await;
            }
            // What was closed a moment ago may still be there.
            eventually(|| count("fd") <= before.0 && count("task") <= before.1 + 1).await;
            eventually(|| proc::children(own).len() == 2).await;
            stack.interrupt(Signal::INT).await;
            assert_eq!(stack.verdict().await, Verdict::Fine);
        });
    });
}
