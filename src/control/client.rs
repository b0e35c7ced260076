//! The other side: `call(Request)` and `subscribe(Filter)`, and that is all.

use std::io;
use std::path::{Path, PathBuf};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;

use crate::model::Via;
use crate::protocol::{
    Answer, Call, Filter, Hello, LONGEST_MESSAGE, Lines, Message, Refusal, Request, VersionMismatch, check_version,
    line,
};

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// Nobody is there any more: it has ended, or ended meanwhile.
    #[error("nobody answers at {}: {source}", path.display())]
    Gone {
        /// The socket.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The stack belongs to another version of this program.
    #[error("{program} runs there: {mismatch}")]
    Version {
        /// What it calls itself.
        program: String,
        /// Which versions.
        mismatch: VersionMismatch,
    },
    /// It said something that isn't in the protocol.
    #[error("what answers at {} doesn't speak the protocol: {why}", path.display())]
    Strange {
        /// The socket.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// It said no.
    #[error(transparent)]
    Refused(#[from] Refusal),
}

/// A connection to a stack.
#[derive(Debug)]
pub struct Client {
    path: PathBuf,
    stream: UnixStream,
    lines: Lines,
    hello: Hello,
    via: Via,
    calls: u64,
}

impl Client {
    /// Connects to the stack at this socket.
    ///
    /// # Errors
    /// When nobody is there, or it speaks another version.
    pub async fn connect(path: &Path, via: Via) -> Result<Self, CallError> {
        let gone = |source| CallError::Gone { path: path.to_owned(), source };
        let stream = UnixStream::connect(path).await.map_err(gone)?;
        let mut lines = Lines::new(LONGEST_MESSAGE);
        let mut stream = stream;
        let hello = match read(path, &mut stream, &mut lines).await? {
            Message::Hello(hello) => hello,
            Message::Refused { refusal, .. } => return Err(refusal.into()),
            Message::Answer { .. } | Message::Record { .. } | Message::End { .. } => {
                return Err(CallError::Strange { path: path.to_owned(), why: "it says no hello".to_owned() });
            }
        };
        check_version(hello.version)
            .map_err(|mismatch| CallError::Version { program: hello.program.clone(), mismatch })?;
        Ok(Self { path: path.to_owned(), stream, lines, hello, via, calls: 0 })
    }

    /// Who is there.
    pub const fn hello(&self) -> &Hello {
        &self.hello
    }

    /// Asks for something and waits for what comes of it.
    ///
    /// # Errors
    /// When it is refused, or nobody is there any more.
    pub async fn call(&mut self, request: Request) -> Result<Answer, CallError> {
        self.calls += 1;
        let (own, call) = (self.calls, Call::new(self.calls, self.via, request));
        // It may have hung up after saying why (it is busy, a line was too long): then that is the answer.
        let written = self.stream.write_all(&line(&call)).await;
        loop {
            match read(&self.path, &mut self.stream, &mut self.lines).await {
                Ok(Message::Answer { id, answer }) if id == own => return Ok(answer),
                Ok(Message::Refused { id, refusal }) if id == own || id == 0 => return Err(refusal.into()),
                // Left from an earlier subscription or call.
                Ok(_) => {}
                Err(error) => {
                    written.map_err(|source| CallError::Gone { path: self.path.clone(), source })?;
                    return Err(error);
                }
            }
        }
    }

    /// Gets lines and events, from now on or from before.
    ///
    /// # Errors
    /// When it is refused, or nobody is there any more.
    pub async fn subscribe(mut self, filter: Filter) -> Result<Records, CallError> {
        self.call(Request::Subscribe { filter }).await?;
        Ok(Records { client: self })
    }
}

/// What a subscription brings.
#[derive(Debug)]
pub struct Records {
    client: Client,
}

impl Records {
    /// The next record, as the server says it; none when there are no more: it has said all, or has ended.
    ///
    /// # Errors
    /// When what comes isn't in the protocol.
    pub async fn next(&mut self) -> Result<Option<Message>, CallError> {
        loop {
            match read(&self.client.path, &mut self.client.stream, &mut self.client.lines).await {
                Ok(record @ Message::Record { .. }) => return Ok(Some(record)),
                Ok(Message::End { .. }) | Err(CallError::Gone { .. }) => return Ok(None),
                Ok(Message::Refused { refusal, .. }) => return Err(refusal.into()),
                Ok(Message::Hello(_) | Message::Answer { .. }) => {}
                Err(error) => return Err(error),
            }
        }
    }
}

async fn read(path: &Path, stream: &mut UnixStream, lines: &mut Lines) -> Result<Message, CallError> {
    let strange = |why: String| CallError::Strange { path: path.to_owned(), why };
    let mut buffer = vec![0; 64 * 1024];
    loop {
        if let Some(line) = lines.next_line().map_err(|error| strange(error.to_string()))? {
            return serde_json::from_slice(&line).map_err(|error| strange(error.to_string()));
        }
        let gone = |source| CallError::Gone { path: path.to_owned(), source };
        match stream.read(&mut buffer).await.map_err(gone)? {
            0 => return Err(gone(io::ErrorKind::UnexpectedEof.into())),
            length => lines.push(&buffer[..length]),
        }
    }
}
