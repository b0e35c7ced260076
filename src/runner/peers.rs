//! Whether the silos that this run talks to, and doesn't start, answer.

use std::time::Duration;

use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::model::PeerAnswer;
use crate::plan::Peer;

/// So long each may take; they are asked side by side.
const PATIENCE: Duration = Duration::from_secs(1);

/// Asks all of them; the answers come in the order of the question.
pub(super) async fn ask(peers: Vec<Peer>) -> Vec<PeerAnswer> {
    let mut asked: JoinSet<(usize, PeerAnswer)> = JoinSet::new();
    for (index, peer) in peers.into_iter().enumerate() {
        asked.spawn(async move {
            let connected = timeout(PATIENCE, TcpStream::connect((bare(&peer.host), peer.port))).await;
            let answers = matches!(connected, Ok(Ok(_)));
            let address = address(&peer.host, peer.port);
            (index, PeerAnswer { silo: peer.silo, address, answers, start: peer.start })
        });
    }
    let mut answers = asked.join_all().await;
    answers.sort_unstable_by_key(|(index, _)| *index);
    answers.into_iter().map(|(_, answer)| answer).collect()
}

/// A host and a port, as one writes them together.
pub(super) fn address(host: &str, port: u16) -> String {
    let host = bare(host);
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}

/// A host without the brackets that an IPv6 address has in a URL.
pub(super) fn bare(host: &str) -> &str {
    host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::SiloName;
    use tokio::net::TcpListener;

    #[tokio::test]
    async fn the_answers_come_in_the_order_of_the_question() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let taken = listener.local_addr().expect("it is bound").port();
        let free = TcpListener::bind("127.0.0.1:0").await.expect("a port").local_addr().expect("it is bound").port();
        let peer = |silo: &str, port| {
            let silo = SiloName::new(silo).expect("a name");
            Peer { silo, host: "127.0.0.1".into(), port, start: String::new() }
        };
        let answers = ask(vec![peer("region", free), peer("control", taken)]).await;
        let told: Vec<_> = answers.iter().map(|answer| (answer.silo.as_str(), answer.answers)).collect();
        assert_eq!(told, [("region", false), ("control", true)]);
        assert_eq!(answers[1].address, format!("127.0.0.1:{taken}"));
    }

    #[test]
    fn an_ipv6_address_is_written_in_brackets() {
        assert_eq!(address("::1", 80), "[::1]:80");
        assert_eq!(address("[::1]", 80), "[::1]:80");
        assert_eq!(address("localhost", 80), "localhost:80");
    }
}
