//! Probes: is a run ready? Each given one must pass once; they are asked side by side.
//!
//! A listener that answers is asked whose it is. It never decides what follows from an answer.

use std::ffi::OsString;
use std::net::IpAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use http_body_util::Empty;
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::{Request, StatusCode, header};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::task::{JoinSet, spawn_blocking};

use super::ask::ask;
use super::clock::Clock;
use super::notify::Notify;
use super::peers::{address, bare};
use super::spawn::Spawner;
use crate::model::{Health, Owner, Pid, ProbeFailure, RunId, brief};
use crate::plan::{Probe, ProcessSpec};
use crate::supervise::Input;
use crate::sys::{listeners, proc};

/// How long one answer may take.
const PATIENCE: Duration = Duration::from_secs(2);

/// How long a probe's command may take.
const COMMAND_PATIENCE: Duration = Duration::from_secs(10);

/// What probing a run needs.
#[derive(Debug)]
pub(super) struct Prober {
    /// Which run.
    pub(super) run: RunId,
    /// What it is.
    pub(super) spec: Arc<ProcessSpec>,
    /// Its main process.
    pub(super) main: Pid,
    /// Where it says that it is ready, if it does.
    pub(super) notify: Option<Notify>,
    /// Whether it was said that it can't be seen who listens.
    pub(super) unseen_said: AtomicBool,
    /// Everything of the run is below this.
    pub(super) shim: Pid,
    /// Through which commands are started.
    pub(super) spawner: Spawner,
    /// What we inherited, for their environment.
    pub(super) inherited: Vec<(OsString, OsString)>,
    /// What its timers go by.
    pub(super) clock: Clock,
    /// To whom the answers go.
    pub(super) news: mpsc::Sender<Input>,
}

impl Prober {
    /// Asks until all probes have passed, says so, and goes on asking how it does. `lines` hear of matching lines, one for each log
    /// probe, in their order.
    pub(super) async fn run(self, lines: Vec<mpsc::Receiver<()>>) {
        let prober = Arc::new(self);
        let mut lines = lines.into_iter();
        let mut asked = JoinSet::new();
        for index in 0..prober.spec.ready.probes.len() {
            let line = match prober.spec.ready.probes[index] {
                Probe::Log { .. } => lines.next(),
                Probe::Tcp { .. } | Probe::Http { .. } | Probe::Exec { .. } | Probe::Notify | Probe::Delay { .. } => {
                    None
                }
            };
            let prober = Arc::clone(&prober);
            asked.spawn(async move { prober.until_passed(index, line).await });
        }
        while asked.join_next().await.is_some() {}
        let passed = Input::ProbePassed(prober.run.clone());
        // Closed: the session is over.
        let _ = prober.news.send(passed).await;
        match &prober.notify {
            Some(notify) => tokio::select! {
                () = prober.watch_health() => {}
                () = notify.drain() => {}
            },
            None => prober.watch_health().await,
        }
    }

    /// Asks in rounds, for ever. Tells each round that failed, and the first that passes after one.
    async fn watch_health(&self) {
        let probes: Vec<&Probe> = self.spec.ready.probes.iter().filter(|probe| probe.repeats()).collect();
        if probes.is_empty() {
            return std::future::pending().await;
        }
        let mut well = true;
        loop {
            self.clock.sleep(self.spec.ready.health_interval.max(Duration::from_millis(10))).await;
            let mut failure = None;
            for probe in &probes {
                if let Err(failed) = self.ask(probe).await {
                    failure = Some(failed);
                    break;
                }
            }
            let news = match failure {
                None if well => continue,
                None => Input::ProbePassed(self.run.clone()),
                // Who is held can't answer, and it isn't its fault.
                Some(failure) => match proc::stat(self.main).map(|stat| stat.state) {
                    Some('T') => Input::Paused(self.run.clone(), Health::Stopped),
                    Some('t') => Input::Paused(self.run.clone(), Health::InDebugger),
                    _ => Input::ProbeFailed(self.run.clone(), failure),
                },
            };
            well = matches!(news, Input::ProbePassed(_));
            let _ = self.news.send(news).await;
        }
    }

    async fn until_passed(&self, index: usize, line: Option<mpsc::Receiver<()>>) {
        let probe = &self.spec.ready.probes[index];
        match (probe, line) {
            (Probe::Delay { delay }, _) => return self.clock.sleep(*delay).await,
            (Probe::Log { pattern }, Some(mut line)) => {
                self.failed(ProbeFailure::NoLine { pattern: pattern.clone() }).await;
                if line.recv().await.is_none() {
                    // Its output ended without the line; its exit will tell.
                    std::future::pending::<()>().await;
                }
                return;
            }
            (Probe::Notify, _) => {
                let (Some(notify), mut failure) = (&self.notify, ProbeFailure::Unnotified { stranger: None }) else {
                    return;
                };
                loop {
                    self.failed(failure).await;
                    match notify.ready(self.shim).await {
                        Ok(()) => return,
                        Err(stranger) => failure = ProbeFailure::Unnotified { stranger },
                    }
                }
            }
            (Probe::Log { .. } | Probe::Tcp { .. } | Probe::Http { .. } | Probe::Exec { .. }, _) => {}
        }
        let mut last = None;
        loop {
            match self.ask(probe).await {
                Ok(()) => return,
                // The same answer again is no news.
                Err(failure) if last.as_ref() == Some(&failure) => {}
                Err(failure) => {
                    last = Some(failure.clone());
                    self.failed(failure).await;
                }
            }
            self.clock.sleep(self.spec.ready.interval.max(Duration::from_millis(10))).await;
        }
    }

    async fn failed(&self, failure: ProbeFailure) {
        let _ = self.news.send(Input::ProbeFailed(self.run.clone(), failure)).await;
    }

    async fn ask(&self, probe: &Probe) -> Result<(), ProbeFailure> {
        match probe {
            Probe::Tcp { host, port } => self.ask_tcp(host, *port).await,
            Probe::Http { url, host, port, path, status } => self.ask_http(url, host, *port, path, *status).await,
            Probe::Exec { command } => self.ask_command(command).await,
            Probe::Log { .. } | Probe::Notify | Probe::Delay { .. } => Ok(()),
        }
    }

    async fn ask_tcp(&self, host: &str, port: u16) -> Result<(), ProbeFailure> {
        let target = address(host, port);
        let stream = self.connect(host, port, &target).await?;
        self.ask_whose(&stream, port, &target).await
    }

    async fn ask_http(
        &self,
        url: &str,
        host: &str,
        port: u16,
        path: &str,
        status: Option<u16>,
    ) -> Result<(), ProbeFailure> {
        let stream = self.connect(host, port, url).await?;
        // First whose: a stranger's 404 isn't worth a word.
        self.ask_whose(&stream, port, url).await?;
        let answer = |why: String| ProbeFailure::Answer { target: url.to_owned(), why };
        let late = || answer(format!("didn't answer within {}", brief(PATIENCE)));
        let got = self.clock.timeout(PATIENCE, get(stream, &address(host, port), path)).await.ok_or_else(late)?;
        let got = got.map_err(|error| answer(format!("gave no HTTP answer: {error}")))?;
        let passes = match status {
            Some(status) => got.as_u16() == status,
            None => got.is_success() || got.is_redirection(),
        };
        if passes { Ok(()) } else { Err(answer(format!("answered {}", got.as_u16()))) }
    }

    /// Whether the listener that answered is the run's own.
    async fn ask_whose(&self, stream: &TcpStream, port: u16, target: &str) -> Result<(), ProbeFailure> {
        if self.spec.ready.owner == Owner::Any {
            return Ok(());
        }
        let there: Option<IpAddr> = stream.peer_addr().ok().map(|peer| peer.ip());
        let shim = self.shim;
        // Some milliseconds of /proc when it is another's.
        let owner = spawn_blocking(move || listeners::owner(port, there, shim)).await;
        match owner {
            Ok(listeners::Owner::Own) | Err(_) => Ok(()),
            Ok(listeners::Owner::Foreign(holder)) => Err(ProbeFailure::Foreign { target: target.to_owned(), holder }),
            // Nobody: it answers from behind another network, as containers do.
            Ok(listeners::Owner::Unknown | listeners::Owner::Nobody) => {
                if self.unseen_said.swap(true, Ordering::Relaxed) {
                    return Ok(());
                }
                let name = &self.spec.name;
                let text = format!("{target} answers, but it can't be seen whether that is {name} itself");
                let _ = self.news.send(Input::Noted(text)).await;
                Ok(())
            }
        }
    }

    async fn connect(&self, host: &str, port: u16, target: &str) -> Result<TcpStream, ProbeFailure> {
        match self.clock.timeout(PATIENCE, TcpStream::connect((bare(host), port))).await {
            Some(Ok(stream)) => Ok(stream),
            Some(Err(_)) | None => Err(ProbeFailure::Refused { target: target.to_owned() }),
        }
    }

    async fn ask_command(&self, command: &[String]) -> Result<(), ProbeFailure> {
        let failure = |why: String| ProbeFailure::Command { command: command.join(" "), why };
        let patience = (&self.clock, COMMAND_PATIENCE);
        let asked = ask(&self.spawner, &self.spec, command, &self.inherited, &self.run, patience);
        let mut asked = pin!(asked);
        match self.clock.timeout(PATIENCE, asked.as_mut()).await {
            Some(answer) => answer.map_err(failure),
            None => {
                // Else nothing would be known of it should the process run out of time meanwhile.
                self.failed(failure(format!("hasn't ended after {}", brief(PATIENCE)))).await;
                asked.await.map_err(failure)
            }
        }
    }
}

/// The status that a GET is answered with; the body isn't read.
async fn get(
    stream: TcpStream,
    host: &str,
    path: &str,
) -> Result<StatusCode, Box<dyn std::error::Error + Send + Sync>> {
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let path = if path.is_empty() { "/" } else { path };
    let request = Request::get(path)
        .header(header::HOST, host)
        .header(header::USER_AGENT, "devserver-probe")
        .header(header::CONNECTION, "close")
        .body(Empty::<Bytes>::new())?;
    // In a set, so that it ends with this future.
    let mut side = JoinSet::new();
    side.spawn(connection);
    Ok(sender.send_request(request).await?.status())
}
