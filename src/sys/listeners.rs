//! Who listens on a port: which sockets, and whose they are.
//!
//! The kernel is asked for listening sockets through netlink (0.04 ms; reading `/proc/net/tcp` takes 10 ms
//! beside a thousand sockets and is the way out where netlink is refused). A socket is matched with its
//! process by inode.

use std::collections::HashSet;
use std::fs;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::fd::AsRawFd;

use netlink_packet_core::{NLM_F_DUMP, NLM_F_REQUEST, NetlinkHeader, NetlinkMessage, NetlinkPayload};
use netlink_packet_sock_diag::SockDiagMessage;
use netlink_packet_sock_diag::constants::{AF_INET, AF_INET6, IPPROTO_TCP};
use netlink_packet_sock_diag::inet::{ExtensionFlags, InetRequest, SocketId, StateFlags};
use nix::sys::socket::{
    AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType, recv, send, setsockopt, socket, sockopt,
};
use nix::sys::time::{TimeVal, TimeValLike};

use super::proc;
use crate::model::{Holder, Pid};

/// Whose a port is, seen from one run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Owner {
    /// The run's.
    Own,
    /// Somebody else's, provably.
    Foreign(Holder),
    /// Somebody listens, and it can't be seen who: another user, another container.
    Unknown,
    /// Nobody listens.
    Nobody,
}

/// A socket that listens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Listener {
    address: IpAddr,
    port: u16,
    inode: u64,
}

/// Whose the listener is that answers at this port: of the processes below `root`, or another's.
///
/// With `address`, only the sockets that would answer there count: `127.0.0.1` and `[::1]` may belong to
/// two different programs. Where several do, one of the run's own is enough.
pub fn owner(port: u16, address: Option<IpAddr>, root: Pid) -> Owner {
    let inodes = answering(listeners(port), address);
    if inodes.is_empty() {
        return Owner::Nobody;
    }
    let has = |pid: Pid| proc::sockets(pid).is_some_and(|sockets| sockets.iter().any(|inode| inodes.contains(inode)));
    let tree = proc::descendants(root);
    if tree.iter().any(|pid| has(*pid)) {
        return Owner::Own;
    }
    match holder_of(&inodes, &tree) {
        Some(holder) => Owner::Foreign(holder),
        None => Owner::Unknown,
    }
}

/// Whether anybody listens on this port, on any address.
pub fn is_taken(port: u16) -> bool {
    !listeners(port).is_empty()
}

/// Who listens on this port, where that can be seen. Looks at every process: for messages.
pub fn holder(port: u16) -> Option<Holder> {
    holder_of(&answering(listeners(port), None), &[])
}

fn holder_of(inodes: &HashSet<u64>, except: &[Pid]) -> Option<Holder> {
    if inodes.is_empty() {
        return None;
    }
    let holds =
        |pid: &Pid| proc::sockets(*pid).is_some_and(|sockets| sockets.iter().any(|inode| inodes.contains(inode)));
    let mut holders: Vec<_> = proc::all().into_iter().filter(|pid| !except.contains(pid)).filter(holds).collect();
    // Workers inherit the socket from their parent, and it is the parent that one has to stop.
    holders.sort_unstable();
    let pid = holders.iter().find(|pid| proc::stat(**pid).is_some_and(|stat| !holders.contains(&stat.parent)));
    let pid = *pid.or(holders.first())?;
    Some(Holder { pid, command: proc::command_line(pid), cwd: proc::cwd(pid) })
}

/// The inodes of those that answer at this address: a socket bound to just it comes before one that is
/// bound to all addresses.
fn answering(listeners: Vec<Listener>, address: Option<IpAddr>) -> HashSet<u64> {
    let inodes = |matching: &dyn Fn(IpAddr) -> bool| -> HashSet<u64> {
        listeners.iter().filter(|one| matching(one.address)).map(|one| one.inode).collect()
    };
    let Some(address) = address.filter(|address| !address.is_unspecified()) else { return inodes(&|_| true) };
    let exact = inodes(&|bound| bound.to_canonical() == address.to_canonical());
    if exact.is_empty() { inodes(&|bound| bound.is_unspecified()) } else { exact }
}

fn listeners(port: u16) -> Vec<Listener> {
    let ask = || -> io::Result<Vec<Listener>> {
        let mut found = dump(AF_INET)?;
        found.extend(dump(AF_INET6)?);
        Ok(found)
    };
    let mut found = ask().unwrap_or_else(|_| read_tables());
    found.retain(|listener| listener.port == port);
    found
}

/// Every listening TCP socket of one address family.
fn dump(family: u8) -> io::Result<Vec<Listener>> {
    let flags = SockFlag::SOCK_CLOEXEC;
    let socket = socket(AddressFamily::Netlink, SockType::Datagram, flags, SockProtocol::NetlinkSockDiag)?;
    // The kernel answers at once; this is so that a surprise can't stop a probe for ever.
    setsockopt(&socket, sockopt::ReceiveTimeout, &TimeVal::milliseconds(500))?;
    let socket_id = if family == AF_INET { SocketId::new_v4() } else { SocketId::new_v6() };
    let request = InetRequest {
        family,
        protocol: IPPROTO_TCP,
        extensions: ExtensionFlags::empty(),
        states: StateFlags::LISTEN,
        socket_id,
    };
    let mut header = NetlinkHeader::default();
    header.flags = NLM_F_REQUEST | NLM_F_DUMP;
    let mut message = NetlinkMessage::new(header, SockDiagMessage::InetRequest(request).into());
    message.finalize();
    let mut bytes = vec![0; message.buffer_len()];
    message.serialize(&mut bytes);
    send(socket.as_raw_fd(), &bytes, MsgFlags::empty())?;

    let mut found = Vec::new();
    let mut buffer = vec![0; 1 << 16];
    loop {
        let length = recv(socket.as_raw_fd(), &mut buffer, MsgFlags::empty())?;
        let mut rest = buffer.get(..length).unwrap_or_default();
        while !rest.is_empty() {
            let message = NetlinkMessage::<SockDiagMessage>::deserialize(rest).map_err(io::Error::other)?;
            match message.payload {
                NetlinkPayload::InnerMessage(SockDiagMessage::InetResponse(response)) => found.push(Listener {
                    address: response.header.socket_id.source_address,
                    port: response.header.socket_id.source_port,
                    inode: response.header.inode.into(),
                }),
                NetlinkPayload::Done(_) => return Ok(found),
                NetlinkPayload::Error(error) => return Err(error.to_io()),
                _ => {}
            }
            // Messages are padded to four bytes.
            let padded = (message.header.length as usize).next_multiple_of(4).max(4);
            rest = rest.get(padded..).unwrap_or_default();
        }
        if length == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
}

fn read_tables() -> Vec<Listener> {
    let rows = |path| fs::read_to_string(path).unwrap_or_default();
    let tables = [rows("/proc/net/tcp"), rows("/proc/net/tcp6")];
    tables.iter().flat_map(|text| text.lines().skip(1)).filter_map(parse_row).collect()
}

fn parse_row(row: &str) -> Option<Listener> {
    const LISTEN: &str = "0A";
    let mut fields = row.split_ascii_whitespace();
    let (address, port) = fields.nth(1)?.split_once(':')?;
    if fields.nth(1)? != LISTEN {
        return None;
    }
    let inode = fields.nth(5)?.parse().ok()?;
    // Words of four bytes, each as this machine stores them.
    let words: Vec<u8> = (0..address.len() / 8)
        .map(|at| u32::from_str_radix(address.get(at * 8..at * 8 + 8)?, 16).ok())
        .collect::<Option<Vec<_>>>()?
        .into_iter()
        .flat_map(u32::to_ne_bytes)
        .collect();
    let address = match words.len() {
        4 => IpAddr::V4(Ipv4Addr::from(<[u8; 4]>::try_from(words).ok()?)),
        _ => IpAddr::V6(Ipv6Addr::from(<[u8; 16]>::try_from(words).ok()?)),
    };
    Some(Listener { address, port: u16::from_str_radix(port, 16).ok()?, inode })
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;
    use crate::sys::session::{own_pid, parent_pid};

    #[test]
    fn both_ways_of_asking_see_the_same_sockets() {
        for address in ["127.0.0.1:0", "[::1]:0", "0.0.0.0:0"] {
            let Ok(listener) = TcpListener::bind(address) else { continue };
            let port = listener.local_addr().expect("it is bound").port();
            let asked = listeners(port);
            let read: Vec<_> = read_tables().into_iter().filter(|one| one.port == port).collect();
            assert_eq!(asked, read);
            assert_eq!(asked.len(), 1, "{address}");
        }
    }

    #[test]
    fn a_port_is_own_foreign_or_nobodys() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("it is bound").port();
        // Seen from our parent the socket is in its tree; seen from ourselves it isn't below us.
        assert_eq!(owner(port, None, parent_pid()), Owner::Own);
        let Owner::Foreign(holder) = owner(port, None, own_pid()) else { panic!("it is ours, not our children's") };
        assert_eq!(holder.pid, own_pid());
        assert_eq!(super::holder(port), Some(holder));
        assert_eq!(owner(port, Some(Ipv6Addr::LOCALHOST.into()), own_pid()), Owner::Nobody);
        drop(listener);
        assert_eq!(owner(port, None, own_pid()), Owner::Nobody);
    }

    #[test]
    fn the_socket_bound_to_just_the_address_comes_first() {
        let at = |address: &str, inode| Listener { address: address.parse().expect("valid"), port: 1, inode };
        let all = || vec![at("0.0.0.0", 1), at("127.0.0.1", 2), at("::1", 3)];
        let asked = |address: &str| answering(all(), Some(address.parse().expect("valid")));
        assert_eq!(asked("127.0.0.1"), HashSet::from([2]));
        assert_eq!(asked("::1"), HashSet::from([3]));
        assert_eq!(asked("10.0.0.1"), HashSet::from([1]));
        assert_eq!(answering(all(), None), HashSet::from([1, 2, 3]));
    }
}
