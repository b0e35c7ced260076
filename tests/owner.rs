//! Whose the listener is that answers a probe, where that can't be seen: another user's, as docker's proxy is.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::process::Command;

use devserver::sys::user;

use crate::support::stack::Stack;

const NOBODY: u32 = 65534;

#[test]
fn a_listener_whose_owner_cannot_be_seen_passes_with_a_notice() {
    // Only root can become another user; elsewhere `listeners::owner` alone is shown, in tests/shim.
    if user::ids().0 != 0 {
        return;
    }
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("it is bound");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let program = folder.path().join("devserver");
    fs::copy(env!("CARGO_BIN_EXE_devserver"), &program).expect("it can be copied");
    let text = format!("[service.web]\ncommand = [\"/bin/sleep\", \"100\"]\nready = {{ tcp = \"{address}\" }}\n");
    fs::write(folder.path().join("devserver.toml"), text).expect("it can be written");
    for (path, mode) in [(folder.path(), 0o755), (&program, 0o755)] {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("its mode can be set");
    }
    let runtime = folder.path().join("runtime");
    fs::create_dir(&runtime).expect("a folder");
    std::os::unix::fs::chown(&runtime, Some(NOBODY), Some(NOBODY)).expect("root gives away");
    let mut command = Command::new(&program);
    command.uid(NOBODY).gid(NOBODY);
    let mut stack = Stack::run(command, folder.path(), &[("XDG_RUNTIME_DIR", &runtime.display().to_string())]);
    let line = stack.wait_for("can't be seen whether that is web itself");
    assert!(line.contains(&address.to_string()), "{line}");
    stack.wait_for("everything is up after");
    assert_eq!(stack.stop().code(), Some(0), "{}", stack.output());
}
