//! The listening side of the fake service.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::thread;

use super::{Wishes, say};

/// Listens where it is asked to, after the pause that is asked for.
pub(super) fn listen(wishes: &Wishes) {
    super::pause::pause(wishes.after);
    for address in &wishes.listen {
        match TcpListener::bind(address.as_str()) {
            Ok(listener) => {
                let bound = listener.local_addr().map_or_else(|_| address.clone(), |bound| bound.to_string());
                let status = wishes.http;
                thread::spawn(move || serve(&listener, status));
                say(wishes, &format!("listening on {bound}"));
            }
            Err(error) => {
                say(wishes, &format!("can't listen on {address}: {error}"));
                std::process::exit(1);
            }
        }
    }
}

fn serve(listener: &TcpListener, status: Option<u16>) {
    for stream in listener.incoming().flatten() {
        if let Some(status) = status {
            thread::spawn(move || answer(stream, status));
        }
    }
}

fn answer(mut stream: TcpStream, status: u16) {
    let Ok(reader) = stream.try_clone() else { return };
    let head = BufReader::new(reader).lines().map_while(Result::ok).take_while(|line| !line.is_empty());
    let _ = head.count();
    let body = "fake\n";
    let _ =
        write!(stream, "HTTP/1.1 {status} Fake\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len());
}

/// Says this at `$NOTIFY_SOCKET`.
pub fn notify(text: &str) {
    let address = std::env::var("NOTIFY_SOCKET").expect("there is one");
    let name = address.strip_prefix('@').expect("it is an abstract one");
    let address = SocketAddr::from_abstract_name(name).expect("a name");
    let socket = UnixDatagram::unbound().expect("a socket");
    socket.send_to_addr(text.as_bytes(), &address).expect("somebody listens");
}
