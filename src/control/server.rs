//! Who may come in, and how many at once.
//!
//! Nobody but our own user: the folder and the socket keep others out by their modes, and the kernel is asked who
//! it is besides. One task for each connection; one that misbehaves costs its own connection and nothing else.

use std::io;
use std::os::unix::net::UnixListener;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::UnixStream;
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{sleep, timeout};

use super::connection::{Connection, turn_away};
use crate::bus::Bus;
use crate::protocol::{Hello, Refusal, RefusalKind};
use crate::runner::Asked;
use crate::sys;

/// How long the last answers may take when all is over.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// How long to wait when the system has no descriptor for one more connection.
const BREATHER: Duration = Duration::from_millis(100);

/// What a server knows and is given.
#[derive(Debug)]
pub struct Premises {
    /// What it says first.
    pub hello: Hello,
    /// Where lines and events come from.
    pub bus: Bus,
    /// The way to the loop.
    pub asked: mpsc::Sender<Asked>,
    /// What it bears.
    pub limits: Limits,
}

/// What a server bears.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// So many clients at once.
    pub clients: usize,
    /// So many requests of one client at once.
    pub requests: usize,
    /// So long a line may take from its first byte to its last.
    pub line: Duration,
    /// So long a client may stay that asks for nothing.
    pub idle: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { clients: 128, requests: 32, line: Duration::from_secs(5), idle: Duration::from_secs(600) }
    }
}

/// A server under way.
#[derive(Debug)]
pub struct Server {
    closing: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Server {
    /// Begins to take in clients. Needs a runtime around it.
    ///
    /// # Errors
    /// When the runtime won't have the socket.
    pub fn start(listener: UnixListener, premises: Premises) -> io::Result<Self> {
        let listener = tokio::net::UnixListener::from_std(listener)?;
        let (closing, closed) = watch::channel(false);
        let task = tokio::spawn(accept(listener, Arc::new(premises), closed));
        Ok(Self { closing, task })
    }

    /// Takes in nobody any more, and waits a moment until the last answers are out.
    pub async fn close(self) {
        let _ = self.closing.send(true);
        let _ = timeout(LAST_WORDS, self.task).await;
    }
}

async fn accept(listener: tokio::net::UnixListener, premises: Arc<Premises>, mut closed: watch::Receiver<bool>) {
    let places = Arc::new(Semaphore::new(premises.limits.clients));
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            Some(_) = connections.join_next() => continue,
            _ = closed.changed() => break,
        };
        let Ok((stream, _)) = accepted else {
            sleep(BREATHER).await;
            continue;
        };
        if let Err(refusal) = admit(&stream, sys::user::ids().0) {
            turn_away(&stream, &refusal);
            continue;
        }
        let Ok(place) = Arc::clone(&places).try_acquire_owned() else {
            let most = premises.limits.clients;
            let refusal = Refusal::new(RefusalKind::Busy, format!("{most} clients are connected already"));
            turn_away(&stream, &refusal.with_help("try again in a moment, or end one of the others"));
            continue;
        };
        let connection = Connection::new(stream, Arc::clone(&premises), closed.clone());
        connections.spawn(async move {
            connection.live().await;
            drop(place);
        });
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}

/// Whether whoever connected is of our own user.
fn admit(stream: &UnixStream, own: u32) -> Result<(), Refusal> {
    let forbidden = |error: String| Refusal::new(RefusalKind::Forbidden, error);
    match stream.peer_cred() {
        Ok(peer) if peer.uid() == own => Ok(()),
        Ok(peer) => {
            Err(forbidden(format!("this stack belongs to user {own}; user {} has nothing to say here", peer.uid())))
        }
        Err(error) => Err(forbidden(format!("the system doesn't say who is asking: {error}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_the_user_who_owns_the_stack_comes_in() {
        let (one, _other) = UnixStream::pair().expect("a pair of sockets");
        let own = sys::user::ids().0;
        assert_eq!(admit(&one, own), Ok(()));
        let refusal = admit(&one, own + 1).expect_err("it is another's");
        assert_eq!(refusal.kind, RefusalKind::Forbidden);
        let (own, other) = (own + 1, own);
        assert_eq!(refusal.error, format!("this stack belongs to user {own}; user {other} has nothing to say here"));
    }
}
