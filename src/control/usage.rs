//! What each process takes, measured when somebody asks: CPU over a fifth of a second, memory of the whole tree.

use std::collections::HashMap;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::model::{Pid, ProcessName, Status};
use crate::protocol::ProcessUsage;
use crate::sys::usage::{memory, ticks, ticks_per_second, tree};

/// Between the two looks at the clocks.
const WINDOW: Duration = Duration::from_millis(200);

/// The processes of the system that a process is made of, with the time that each had taken.
type Tree = (ProcessName, HashMap<Pid, u64>);

/// Measures what everyone takes that runs.
pub(super) async fn measure(status: &Status) -> Vec<ProcessUsage> {
    let mains = status.processes.iter().filter_map(|process| Some((process.name.clone(), process.pid?)));
    let mains: Vec<(ProcessName, Pid)> = mains.collect();
    let before = now();
    // Some hundred reads of /proc, and the kernel walks page tables for them: not on a thread of the loop.
    let looked = tokio::task::spawn_blocking(move || mains.into_iter().map(look).collect::<Vec<Tree>>()).await;
    let Ok(trees) = looked else { return Vec::new() };
    sleep(WINDOW).await;
    let elapsed = now().duration_since(before).as_secs_f64();
    let compared = tokio::task::spawn_blocking(move || trees.into_iter().map(|tree| compare(tree, elapsed)).collect());
    compared.await.unwrap_or_default()
}

fn look((name, main): (ProcessName, Pid)) -> Tree {
    (name, tree(main).into_iter().filter_map(|pid| Some((pid, ticks(pid)?))).collect())
}

fn compare((name, before): Tree, elapsed: f64) -> ProcessUsage {
    let spent: u64 = before.iter().filter_map(|(pid, before)| Some(ticks(*pid)?.saturating_sub(*before))).sum();
    #[expect(clippy::cast_precision_loss, reason = "a few thousand ticks at most")]
    let seconds = spent as f64 / ticks_per_second() as f64;
    let cpu = if elapsed > 0.0 { (1000.0 * seconds / elapsed).round() / 10.0 } else { 0.0 };
    let memory = before.keys().filter_map(|pid| memory(*pid)).sum();
    ProcessUsage { name, count: before.len(), cpu, memory }
}

#[expect(clippy::disallowed_methods, reason = "the window is as long as it turned out to be")]
fn now() -> Instant {
    Instant::now()
}
