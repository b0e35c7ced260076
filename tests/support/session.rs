//! A session of real processes in the test's own process: the loop, the bus, and what comes off it.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use devserver::bus::{Batch, Body, Bus, From, Kind, Limits, Record, Subscription};
use devserver::model::{
    Actor, Command, Event, Owner, Pid, ProcessName, Reply, RestartWhen, Rung, Selector, Signal, StopLadder, Target,
    Verdict,
};
use devserver::plan::{Condition, Dependency, Plan, Probe, ProcessSpec};
use devserver::runner::{Asked, Session, Spawner, drive};
use devserver::sys::proc;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::{interval, timeout};

use super::plans;

/// How long anything may take on a machine with better things to do.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// A port that was free a moment ago.
pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("it is bound").port()
}

/// A fake service: without probes, restarts or a port.
pub(crate) fn fake(name: &str, arguments: &[&str]) -> ProcessSpec {
    let mut spec = plans::process(name);
    let program = env!("CARGO_BIN_EXE_fake-service");
    spec.command = [program].iter().chain(arguments).map(|word| (*word).to_owned()).collect();
    spec.ready.probes.clear();
    spec.ready.timeout = Some(PATIENCE);
    spec.ready.interval = Duration::from_millis(20);
    spec.ready.owner = Owner::Own;
    spec.restart.when = RestartWhen::Never;
    spec.restart.min = Duration::from_millis(20);
    spec
}

/// A fake service that listens on this port, and is ready when it does.
pub(crate) fn listening(name: &str, port: u16, arguments: &[&str]) -> ProcessSpec {
    let address = format!("127.0.0.1:{port}");
    let mut spec = fake(name, &[&["--listen", &address], arguments].concat());
    spec.port = Some(port);
    spec.ready.probes = vec![Probe::Tcp { host: "127.0.0.1".into(), port }];
    spec
}

/// The edge to a dependency.
pub(crate) fn on(process: &str, condition: Condition) -> Dependency {
    Dependency { process: ProcessName::new(process).expect("a name"), condition }
}

/// A ladder of one signal.
pub(crate) fn ladder(signal: Signal, timeout: Duration) -> StopLadder {
    StopLadder { command: None, rungs: vec![Rung { signal, target: Target::Group, timeout }] }
}

/// A session under way.
pub(crate) struct Stack {
    commands: mpsc::Sender<Asked>,
    interrupts: mpsc::Sender<Signal>,
    subscription: Subscription,
    waiting: VecDeque<Record>,
    driving: JoinHandle<Verdict>,
    /// What came so far, told in a failure.
    seen: Vec<String>,
    events: Vec<Event>,
}

impl Stack {
    /// Starts these in a folder.
    pub(crate) fn start(folder: &Path, processes: Vec<ProcessSpec>) -> Self {
        Self::of(folder, plans::plan(processes))
    }

    /// Starts a plan in a folder.
    pub(crate) fn of(folder: &Path, mut plan: Plan) -> Self {
        plan.root = folder.to_owned();
        let spawner = Spawner::new(PathBuf::from(env!("CARGO_BIN_EXE_devserver")), folder.to_owned());
        let bus = Bus::new(Limits::default());
        let subscription = bus.subscribe(From::Start, Kind::Lossless);
        let (commands, asked) = mpsc::channel(8);
        let (interrupts, interrupted) = mpsc::channel(8);
        let inherited: Vec<(OsString, OsString)> = vec![("PATH".into(), "/usr/local/bin:/usr/bin:/bin".into())];
        let plan = Arc::new(plan);
        let session =
            Session { plan, bus, mask: Arc::default(), spawner, inherited, commands: asked, interrupts: interrupted };
        let driving = tokio::spawn(drive(session));
        Self {
            commands,
            interrupts,
            subscription,
            waiting: VecDeque::new(),
            driving,
            seen: Vec::new(),
            events: Vec::new(),
        }
    }

    /// The next record, whatever it is.
    pub(crate) async fn next(&mut self) -> Record {
        while self.waiting.is_empty() {
            let mut records = Vec::new();
            let batch = timeout(PATIENCE, self.subscription.next(&mut records)).await;
            assert!(matches!(batch, Ok(Batch::Records)), "nothing more came: {batch:?} after {:#?}", self.seen);
            self.waiting.extend(records);
        }
        let record = self.waiting.pop_front().expect("there is one");
        if let Body::Event(event) = &record.body {
            self.events.push((**event).clone());
        }
        self.seen.push(match &record.body {
            Body::Event(event) => format!("{event:?}"),
            Body::Block(block) => format!("{} {:?}", block.stream.run, String::from_utf8_lossy(&block.bytes)),
            Body::Lagged { missed } => format!("{missed} missed"),
        });
        record
    }

    /// Waits for an event that the closure takes.
    pub(crate) async fn until<T>(&mut self, mut pick: impl FnMut(&Event) -> Option<T>) -> T {
        loop {
            if let Body::Event(event) = &self.next().await.body
                && let Some(picked) = pick(event)
            {
                return picked;
            }
        }
    }

    /// Waits until this run (`server#1`) is ready.
    pub(crate) async fn until_ready(&mut self, wanted: &str) {
        self.until(|event| match event {
            Event::BecameReady { run, .. } if run.to_string() == wanted => Some(()),
            _ => None,
        })
        .await;
    }

    /// Waits until this run's program executes.
    pub(crate) async fn until_started(&mut self, wanted: &str) -> Pid {
        self.until(|event| match event {
            Event::Started { run, pid } if run.to_string() == wanted => Some(*pid),
            _ => None,
        })
        .await
    }

    /// Waits for the first line of anybody: by then a fake service ignores what it is to ignore.
    pub(crate) async fn until_output(&mut self) {
        while !matches!(self.next().await.body, Body::Block(_)) {}
    }

    pub(crate) async fn interrupt(&self, signal: Signal) {
        self.interrupts.send(signal).await.expect("it listens");
    }

    pub(crate) async fn command(&self, command: Command) -> Reply {
        let (answer, reply) = oneshot::channel();
        self.commands.send(Asked::Command { command, by: Actor::ITSELF, answer }).await.expect("it listens");
        timeout(PATIENCE, reply).await.expect("it answers in time").expect("it answers")
    }

    /// Asks for all of these before the first is answered.
    pub(crate) async fn commands(&self, commands: Vec<Command>) -> Vec<Reply> {
        let mut replies = Vec::new();
        for command in commands {
            let (answer, reply) = oneshot::channel();
            self.commands.send(Asked::Command { command, by: Actor::ITSELF, answer }).await.expect("it listens");
            replies.push(reply);
        }
        let mut answers = Vec::new();
        for reply in replies {
            answers.push(timeout(PATIENCE, reply).await.expect("it answers in time").expect("it answers"));
        }
        answers
    }

    pub(crate) async fn signal(&self, process: &str, signal: Signal) -> Reply {
        self.command(Command::Signal { selector: Selector::new(process), signal }).await
    }

    /// Waits for the end.
    pub(crate) async fn verdict(&mut self) -> Verdict {
        let verdict = timeout(PATIENCE, &mut self.driving).await;
        verdict.unwrap_or_else(|_| panic!("it didn't end: {:#?}", self.seen)).expect("no panic")
    }

    /// Every event that there was, those that were looked at too, once it is over.
    pub(crate) fn all(&mut self) -> Vec<Event> {
        let looked_at = std::mem::take(&mut self.events);
        [looked_at, self.rest()].concat()
    }

    /// What came so far and wasn't looked at, and is there now.
    pub(crate) fn rest(&mut self) -> Vec<Event> {
        let mut records: Vec<Record> = self.waiting.drain(..).collect();
        while matches!(self.subscription.next_batch(&mut records, Some(Duration::ZERO)), Batch::Records) {}
        let events = records.into_iter().filter_map(|record| match record.body {
            Body::Event(event) => Some((*event).clone()),
            Body::Block(_) | Body::Lagged { .. } => None,
        });
        events.collect()
    }
}

/// Who noted itself in a pid file and is still there.
pub(crate) fn living(pid_file: &Path) -> Vec<Pid> {
    let text = std::fs::read_to_string(pid_file).expect("it was written");
    assert!(!text.is_empty(), "somebody noted itself");
    let noted = text.lines().filter_map(|line| {
        let (pid, start) = line.split_once(' ')?;
        Some((Pid(pid.parse().ok()?), start.parse::<u64>().ok()?))
    });
    let lives = |pid: Pid, start| proc::stat(pid).is_some_and(|stat| stat.started == start && stat.state != 'Z');
    noted.filter(|(pid, start)| lives(*pid, *start)).map(|(pid, _)| pid).collect()
}

/// Waits until everything that noted itself in a pid file is gone.
pub(crate) async fn until_gone(pid_file: &Path) {
    eventually(|| living(pid_file).is_empty()).await;
}

/// Waits until this is so, looking again and again.
pub(crate) async fn eventually(mut so: impl FnMut() -> bool) {
    let mut looks = interval(Duration::from_millis(5));
    let is_so = async {
        while !so() {
            looks.tick().await;
        }
    };
    timeout(PATIENCE, is_so).await.expect("it comes true in time");
}
