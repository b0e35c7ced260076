//! What comes of a request: asked of the loop, of the bus, or of the system.

use std::sync::Arc;

use jiff::Timestamp;
use tokio::sync::oneshot;

use super::connection::Outbox;
use super::server::Premises;
use super::{records, usage, wait};
use crate::model::{Actor, Command, ProcessName, Reply, Selector, Status};
use crate::protocol::{Answer, Refusal, RefusalKind, Request, StackStatus};
use crate::runner::Asked;

/// Does what is asked for and says what came of it.
pub(super) async fn answer(request: Request, by: Actor, premises: Arc<Premises>, out: Outbox) {
    let said = match request {
        Request::Status { usage } => status(&premises, usage).await,
        Request::Start { processes: selector } => command(&premises, by, Command::Start { selector }).await,
        Request::Stop { processes: selector } => command(&premises, by, Command::Stop { selector }).await,
        Request::Restart { processes: selector, wait } => {
            command(&premises, by, Command::Restart { selector, wait }).await
        }
        Request::Signal { processes: selector, signal } => {
            command(&premises, by, Command::Signal { selector, signal }).await
        }
        Request::Down => command(&premises, by, Command::Down).await,
        Request::Wait { processes, until, timeout } => wait::wait(&premises, &processes, &until, timeout).await,
        Request::Subscribe { filter } => return records::subscribe(&premises, filter, &out).await,
    };
    out.answer(said).await;
}

/// The stack ends, or has.
pub(super) fn ended() -> Refusal {
    Refusal::new(RefusalKind::Ended, "the stack has ended")
}

/// How everything stands.
pub(super) async fn picture(premises: &Premises) -> Result<Status, Refusal> {
    let (answer, status) = oneshot::channel();
    premises.asked.send(Asked::Status { answer }).await.map_err(|_| ended())?;
    status.await.map_err(|_| ended())
}

/// The processes that are meant, in the order of the plan.
pub(super) fn meant(selector: &Selector, status: &Status) -> Result<Vec<ProcessName>, Refusal> {
    let names = status.processes.iter().map(|process| &process.name);
    match selector.stranger(names.clone()) {
        Some(name) => Err(unknown(name, names)),
        None => Ok(names.filter(|name| selector.matches(name)).cloned().collect()),
    }
}

fn unknown<'p>(name: &str, known: impl Iterator<Item = &'p ProcessName>) -> Refusal {
    let known: Vec<&str> = known.map(ProcessName::as_str).collect();
    let refusal = Refusal::new(RefusalKind::UnknownProcess, format!("no process of this stack is called `{name}`"));
    refusal.with_help(format!("its processes are {}", known.join(", ")))
}

async fn status(premises: &Premises, measured: bool) -> Result<Answer, Refusal> {
    let status = picture(premises).await?;
    let usage = if measured { usage::measure(&status).await } else { Vec::new() };
    Ok(Answer::Status { status: StackStatus { status, time: wall_clock(), usage } })
}

async fn command(premises: &Premises, by: Actor, command: Command) -> Result<Answer, Refusal> {
    let (answer, reply) = oneshot::channel();
    premises.asked.send(Asked::Command { command, by, answer }).await.map_err(|_| ended())?;
    match reply.await.map_err(|_| ended())? {
        Reply::Done { processes } => Ok(Answer::Done { processes }),
        Reply::Unknown { name, known } => Err(unknown(&name, known.iter())),
        Reply::Failed { process, why } => Err(Refusal::new(RefusalKind::Failed, format!("{process}: {why}"))),
    }
}

#[expect(clippy::disallowed_methods, reason = "a picture is stamped where it is handed out")]
fn wall_clock() -> Timestamp {
    Timestamp::now()
}
