//! Unix sockets: one with a name that only we may open, and descriptors sent through others.

use std::io::{self, IoSlice, IoSliceMut};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::net::UnixListener;
use std::path::Path;

use nix::sys::socket::{
    AddressFamily, Backlog, ControlMessage, ControlMessageOwned, MsgFlags, SockFlag, SockType, UnixAddr,
    UnixCredentials, bind, listen as listen_at, recvmsg, sendmsg, setsockopt, socket, sockopt,
};
use nix::sys::stat::{Mode, fchmod};

use crate::model::Pid;

/// The most descriptors that one message may carry here.
const MOST: usize = 4;

/// The longest name that a unix socket may have in the file system, in bytes.
pub const LONGEST_NAME: usize = 107;

/// Listens at this path, with a mode that lets nobody else in from the first moment on. Non-blocking.
///
/// # Errors
/// When the name is taken (also by a socket that nobody listens at any more), too long, or can't be made.
pub fn listen(path: &Path) -> io::Result<UnixListener> {
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    let socket = socket(AddressFamily::Unix, SockType::Stream, flags, None)?;
    // Before it has a name: on Linux the file gets the mode of the socket.
    fchmod(&socket, Mode::S_IRUSR | Mode::S_IWUSR)?;
    bind(socket.as_raw_fd(), &UnixAddr::new(path)?)?;
    listen_at(&socket, Backlog::new(64)?)?;
    Ok(UnixListener::from(socket))
}

/// Sends one byte, and with it duplicates of these descriptors.
pub fn send_descriptors(socket: impl AsFd, byte: u8, descriptors: &[BorrowedFd<'_>]) -> io::Result<()> {
    let numbers: Vec<RawFd> = descriptors.iter().map(AsRawFd::as_raw_fd).collect();
    let control = [ControlMessage::ScmRights(&numbers)];
    let bytes = [byte];
    sendmsg::<()>(socket.as_fd().as_raw_fd(), &[IoSlice::new(&bytes)], &control, MsgFlags::MSG_NOSIGNAL, None)?;
    Ok(())
}

/// Gives a unix socket a name that nobody on this machine has, and that isn't in the file system.
pub fn bind_anywhere(socket: &impl AsFd) -> io::Result<()> {
    Ok(bind(socket.as_fd().as_raw_fd(), &UnixAddr::new_unnamed())?)
}

/// From now on the kernel says with each message whose it is.
pub fn tell_senders(socket: &impl AsFd) -> io::Result<()> {
    Ok(setsockopt(socket, sockopt::PassCred, &true)?)
}

/// A message, and whose it is.
#[derive(Debug)]
pub struct Message {
    /// How long it is.
    pub length: usize,
    /// Who sent it, as the kernel says. It may have ended since.
    pub sender: Option<Pid>,
    /// What came with it: whoever sent it may wait for these to be closed.
    pub descriptors: Vec<OwnedFd>,
}

/// Receives a message from a socket that tells senders.
#[expect(unsafe_code, reason = "received descriptors are numbers until somebody owns them")]
pub fn receive_from(socket: impl AsFd, buffer: &mut [u8]) -> io::Result<Message> {
    let mut slices = [IoSliceMut::new(buffer)];
    let mut space = nix::cmsg_space!(UnixCredentials, [RawFd; MOST]);
    let flags = MsgFlags::MSG_CMSG_CLOEXEC | MsgFlags::MSG_DONTWAIT;
    let received = recvmsg::<()>(socket.as_fd().as_raw_fd(), &mut slices, Some(&mut space), flags)?;
    let (mut sender, mut descriptors) = (None, Vec::new());
    for control in received.cmsgs()? {
        match control {
            ControlMessageOwned::ScmCredentials(credentials) => {
                sender = Some(Pid(credentials.pid())).filter(|pid| pid.0 > 0);
            }
            ControlMessageOwned::ScmRights(numbers) => {
                // SAFETY: the kernel has just made these for us, and nobody else knows their numbers.
                descriptors.extend(numbers.into_iter().map(|number| unsafe { OwnedFd::from_raw_fd(number) }));
            }
            _ => {}
        }
    }
    Ok(Message { length: received.bytes, sender, descriptors })
}

/// Receives one byte and the descriptors that came with it. None at the end of the stream.
#[expect(unsafe_code, reason = "received descriptors are numbers until somebody owns them")]
pub fn receive_descriptors(socket: impl AsFd) -> io::Result<Option<(u8, Vec<OwnedFd>)>> {
    let mut byte = [0];
    let mut slices = [IoSliceMut::new(&mut byte)];
    let mut space = nix::cmsg_space!([RawFd; MOST]);
    let flags = MsgFlags::MSG_CMSG_CLOEXEC;
    let message = recvmsg::<()>(socket.as_fd().as_raw_fd(), &mut slices, Some(&mut space), flags)?;
    let mut descriptors = Vec::new();
    for control in message.cmsgs()? {
        if let ControlMessageOwned::ScmRights(numbers) = control {
            // SAFETY: the kernel has just made these for us, and nobody else knows their numbers.
            descriptors.extend(numbers.into_iter().map(|number| unsafe { OwnedFd::from_raw_fd(number) }));
        }
    }
    let received = message.bytes;
    Ok((received > 0).then_some((byte[0], descriptors)))
}
