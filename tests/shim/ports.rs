//! Whose a port is.

use std::net::TcpListener;

use devserver::model::Pid;
use devserver::sys::listeners::{self, Owner};

use super::harness::{Supervisor, fake, start};

#[tokio::test]
async fn a_port_is_the_runs_own_anothers_or_nobodys() {
    // Behind a shell: it is the tree that counts, not the main process.
    let command = [vec!["sh".to_owned(), "-c".to_owned(), r#""$@"; true"#.to_owned(), "sh".to_owned()]];
    let command = [&command[0][..], &fake(&["--listen", "127.0.0.1:0"])].concat();
    let mut run = start(command.clone()).await;
    let mut other = start(command).await;
    run.until("listening on 127.0.0.1:").await;
    other.until("listening on 127.0.0.1:").await;
    let port = port_of(&mut run).await;

    assert_eq!(listeners::owner(port, None, run.shim), Owner::Own);
    assert_eq!(listeners::owner(port, Some([127, 0, 0, 1].into()), run.shim), Owner::Own);
    let Owner::Foreign(holder) = listeners::owner(port, None, other.shim) else { panic!("it is the first one's") };
    assert!(holder.command.ends_with("--listen 127.0.0.1:0"), "{holder}");
    assert_eq!(holder.cwd, Some(std::env::temp_dir()));
    assert_eq!(listeners::holder(port), Some(holder));

    // Ours, and so nobody's in the run's tree.
    let own = TcpListener::bind("127.0.0.1:0").expect("a port");
    let own_port = own.local_addr().expect("it is bound").port();
    assert!(matches!(listeners::owner(own_port, None, run.shim), Owner::Foreign(_)));
    drop(own);
    assert_eq!(listeners::owner(own_port, None, run.shim), Owner::Nobody);
    assert_eq!(listeners::owner(port, None, Pid(i32::MAX)), listeners::owner(port, None, other.shim));
}

async fn port_of(run: &mut super::harness::Run) -> u16 {
    let text = run.text();
    let line = text.lines().find_map(|line| line.strip_prefix("listening on 127.0.0.1:")).expect("it listens");
    line.trim().parse().expect("a port")
}

#[test]
fn a_listener_of_another_user_is_unknown() {
    const NOBODY: u32 = 65534;
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("it is bound").port();
    let Some(mut supervisor) = Supervisor::start_as(NOBODY, &[], &fake(&[])) else { return };
    supervisor.ask(&format!("owner {port}"));
    assert_eq!(supervisor.until("owner: "), "Unknown");
    drop(listener);
    supervisor.ask(&format!("owner {port}"));
    assert_eq!(supervisor.until("owner: "), "Nobody");
    supervisor.kill();
}
