//! `NOTIFY_SOCKET`: a run that says itself when it is ready, as systemd has it.
//!
//! Whoever can reach the socket can write to it, so the kernel tells whose message it is, and only those of
//! the run's own tree count.

use std::ffi::OsString;
use std::io;
use std::os::unix::ffi::OsStringExt as _;
use std::os::unix::net::UnixDatagram as StdDatagram;

use tokio::io::Interest;
use tokio::net::UnixDatagram;

use crate::model::Pid;
use crate::sys::{proc, socket};

/// Where a run says that it is ready. Nothing of it is in the file system.
#[derive(Debug)]
pub(super) struct Notify {
    socket: UnixDatagram,
}

impl Notify {
    /// Opens one, under a name that is its own.
    pub(super) fn open() -> io::Result<Self> {
        let socket = StdDatagram::unbound()?;
        socket::bind_anywhere(&socket)?;
        socket::tell_senders(&socket)?;
        socket.set_nonblocking(true)?;
        Ok(Self { socket: UnixDatagram::from_std(socket)? })
    }

    /// What `NOTIFY_SOCKET` is for the run.
    pub(super) fn address(&self) -> io::Result<OsString> {
        let address = self.socket.local_addr()?;
        let name = address.as_abstract_name().ok_or(io::ErrorKind::AddrNotAvailable)?;
        Ok(OsString::from_vec([b"@", name].concat()))
    }

    /// Waits for `READY=1`. An error names who said it and isn't below `shim`.
    pub(super) async fn ready(&self, shim: Pid) -> Result<(), Option<Pid>> {
        loop {
            let mut buffer = [0; 4096];
            let received = self.socket.async_io(Interest::READABLE, || socket::receive_from(&self.socket, &mut buffer));
            // An error is of one message: too long, or by somebody who is gone.
            let Ok(message) = received.await else { continue };
            let says_ready = buffer[..message.length].split(|byte| *byte == b'\n').any(|line| line == b"READY=1");
            if !says_ready {
                continue;
            }
            return match message.sender {
                Some(sender) if proc::is_below(sender, shim) => Ok(()),
                stranger => Err(stranger),
            };
            // What came with it is closed here: `systemd-notify` waits for that, so that it could be seen.
        }
    }

    /// Reads what else is said, so that nobody is told that nobody listens.
    pub(super) async fn drain(&self) {
        loop {
            let _ = self.ready(Pid(0)).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::linux::net::SocketAddrExt as _;
    use std::os::unix::net::SocketAddr;

    use super::*;
    use crate::sys::session;

    #[tokio::test]
    async fn only_the_runs_own_tree_can_say_that_it_is_ready() {
        let notify = Notify::open().expect("a socket");
        let name = notify.address().expect("it has one").into_vec();
        let sender = StdDatagram::unbound().expect("a socket");
        let address = SocketAddr::from_abstract_name(&name[1..]).expect("a name");
        let say = |text: &str| sender.send_to_addr(text.as_bytes(), &address).expect("it is heard");
        say("STATUS=warming up");
        say("STATUS=READY=1");
        say("STATUS=warm\nREADY=1\n");
        assert_eq!(notify.ready(session::parent_pid()).await, Ok(()));
        say("READY=1");
        assert_eq!(notify.ready(Pid(i32::MAX)).await, Err(Some(session::own_pid())));
    }
}
