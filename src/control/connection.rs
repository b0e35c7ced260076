//! One client: its requests as they come, and everything that is said to it, through one writer.
//!
//! Requests are answered as they are done, each with its `id`; several may be under way. A client that closes its
//! side still gets its answers (`echo … | nc -U …`); one that is gone takes its waits with it.

use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, Interest};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, interval, sleep_until};

use super::answer;
use super::server::Premises;
use crate::model::{Actor, Pid};
use crate::protocol::{
    Answer, Call, LONGEST_REQUEST, Lines, Message, PROGRAM, Refusal, RefusalKind, VERSION, check_version, line,
};

/// So many lines may wait for a client to read them.
const OUTBOX: usize = 64;

/// How often it is looked whether a client is still there that has closed its side.
const LOOK: Duration = Duration::from_secs(1);

/// The way to a client: what is said to it about one of its requests.
#[derive(Debug, Clone)]
pub(super) struct Outbox {
    /// The request's.
    pub(super) id: u64,
    lines: mpsc::Sender<Vec<u8>>,
}

/// The client is gone.
#[derive(Debug, Clone, Copy)]
pub(super) struct Gone;

impl Outbox {
    /// Says something; waits while the client doesn't read.
    pub(super) async fn say(&self, message: &Message) -> Result<(), Gone> {
        self.lines.send(line(message)).await.map_err(|_| Gone)
    }

    /// Says what came of the request.
    pub(super) async fn answer(&self, answer: Result<Answer, Refusal>) {
        let id = self.id;
        let message = match answer {
            Ok(answer) => Message::Answer { id, answer },
            Err(refusal) => Message::Refused { id, refusal },
        };
        // A client that left doesn't want to know.
        let _ = self.say(&message).await;
    }
}

/// Refuses a client that won't be let in. It gets the line if it can be written at once.
pub(super) fn turn_away(stream: &UnixStream, refusal: &Refusal) {
    let _ = stream.try_write(&line(&Message::Refused { id: 0, refusal: refusal.clone() }));
}

/// A client that was let in.
pub(super) struct Connection {
    stream: UnixStream,
    premises: Arc<Premises>,
    closed: watch::Receiver<bool>,
}

/// What came from a client.
enum Came {
    /// Something.
    Bytes,
    /// Nothing more will.
    End,
    /// It took too long over it.
    Late(Refusal),
}

impl Connection {
    pub(super) fn new(stream: UnixStream, premises: Arc<Premises>, closed: watch::Receiver<bool>) -> Self {
        Self { stream, premises, closed }
    }

    /// Talks to it until it leaves, or we do.
    pub(super) async fn live(self) {
        let Self { stream, premises, mut closed } = self;
        let pid = stream.peer_cred().ok().and_then(|peer| peer.pid()).map(Pid);
        let (mut from, to) = stream.into_split();
        let (lines, outbox) = mpsc::channel(OUTBOX);
        let writer = tokio::spawn(write(to, outbox));
        let out = Outbox { id: 0, lines };
        let mut requests = JoinSet::new();
        let _ = out.say(&Message::Hello(premises.hello.clone())).await;
        let read = read(&mut from, &out, &premises, pid, &mut requests);
        tokio::select! {
            () = read => {}
            _ = closed.changed() => {}
        }
        // The half that writes ends when the last of these lets go of it.
        drop(out);
        tokio::select! {
            () = async { while requests.join_next().await.is_some() {} } => {}
            () = until_gone(&from) => {}
        }
        requests.shutdown().await;
        let _ = writer.await;
    }
}

/// Takes in requests until the client ends its side, or breaks the rules.
async fn read(
    from: &mut OwnedReadHalf,
    out: &Outbox,
    premises: &Arc<Premises>,
    pid: Option<Pid>,
    requests: &mut JoinSet<()>,
) {
    let mut lines = Lines::new(LONGEST_REQUEST);
    let mut begun: Option<Instant> = None;
    loop {
        let refusal = match lines.next_line() {
            Ok(Some(line)) => {
                begun = None;
                match begin(&line, out, premises, pid, requests).await {
                    Ok(()) => continue,
                    Err(refusal) => refusal,
                }
            }
            Ok(None) => match more(from, &mut lines, &mut begun, premises, requests).await {
                Came::Bytes => continue,
                Came::End => return,
                Came::Late(refusal) => refusal,
            },
            Err(error) => Refusal::new(RefusalKind::TooLong, error.to_string()),
        };
        out.answer(Err(refusal)).await;
        return;
    }
}

/// Reads on. A line that has begun has to end soon; who says nothing at all has longer.
async fn more(
    from: &mut OwnedReadHalf,
    lines: &mut Lines,
    begun: &mut Option<Instant>,
    premises: &Premises,
    requests: &mut JoinSet<()>,
) -> Came {
    let limits = premises.limits;
    let idle = now() + limits.idle;
    let mut buffer = [0; 4096];
    loop {
        let due = begun.map_or(idle, |begun| begun + limits.line);
        tokio::select! {
            read = from.read(&mut buffer) => match read {
                Ok(0) | Err(_) => return Came::End,
                Ok(length) => {
                    lines.push(&buffer[..length]);
                    begun.get_or_insert_with(now);
                    return Came::Bytes;
                }
            },
            Some(_) = requests.join_next() => {}
            () = sleep_until(due), if begun.is_some() || requests.is_empty() => {
                let error = match begun {
                    Some(_) => format!("a line has to come within {} s, to its end", limits.line.as_secs_f64()),
                    None => "no request came for a long time".to_owned(),
                };
                return Came::Late(Refusal::new(RefusalKind::Idle, error));
            }
        }
    }
}

/// Begins what a line asks for. A refusal ends the connection.
async fn begin(
    line: &[u8],
    out: &Outbox,
    premises: &Arc<Premises>,
    pid: Option<Pid>,
    requests: &mut JoinSet<()>,
) -> Result<(), Refusal> {
    let call = match Call::parse(line) {
        Ok(call) => call,
        Err((id, error)) => {
            let help = "docs/protocol.md has an example of each request".to_owned();
            let refusal = Refusal::new(RefusalKind::Malformed, error).with_help(help);
            Outbox { id, ..out.clone() }.answer(Err(refusal)).await;
            return Ok(());
        }
    };
    let out = Outbox { id: call.id, ..out.clone() };
    if let Some(Err(mismatch)) = call.version.map(check_version) {
        let error = format!(
            "this stack runs {PROGRAM}, which speaks version {VERSION} of the protocol; the client speaks {}",
            mismatch.theirs
        );
        let refusal = Refusal::new(RefusalKind::Version, error);
        out.answer(Err(refusal
            .clone()
            .with_help("stop the stack with the version that started it, and start it with this one")))
            .await;
        return Err(refusal);
    }
    while requests.try_join_next().is_some() {}
    if requests.len() >= premises.limits.requests {
        let error = format!("{} requests of this connection are under way already", premises.limits.requests);
        out.answer(Err(Refusal::new(RefusalKind::Busy, error))).await;
        return Ok(());
    }
    let by = Actor { via: call.via, pid };
    requests.spawn(answer::answer(call.request, by, Arc::clone(premises), out));
    Ok(())
}

async fn write(mut to: OwnedWriteHalf, mut outbox: mpsc::Receiver<Vec<u8>>) {
    while let Some(bytes) = outbox.recv().await {
        if to.write_all(&bytes).await.is_err() {
            // It is gone; everyone who has something to say finds the outbox closed.
            return;
        }
    }
}

/// Waits until the other side is gone altogether: it has closed both directions, not just its own.
async fn until_gone(from: &OwnedReadHalf) {
    let mut looks = interval(LOOK);
    loop {
        looks.tick().await;
        match from.as_ref().ready(Interest::WRITABLE).await {
            Ok(ready) if !ready.is_write_closed() => {}
            Ok(_) | Err(_) => return,
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "how long a client takes decides nothing but whether it is still heard")]
fn now() -> Instant {
    Instant::now()
}
