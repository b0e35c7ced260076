//! What must be there before a start: everything that isn't is said at once, exit 4, and nothing was started.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use crate::support::stack::Stack;

fn project(text: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    fs::write(folder.path().join("devserver.toml"), text).expect("it can be written");
    folder
}

/// Starts it with a PATH of one folder; its exit code and what it said, with the folder's name made plain.
fn start(folder: &Path, arguments: &[&str]) -> (Option<i32>, String) {
    let bin = folder.join("bin");
    fs::create_dir_all(&bin).expect("a folder");
    let runtime = folder.join("runtime");
    fs::create_dir_all(&runtime).expect("a folder");
    let output = Command::new(env!("CARGO_BIN_EXE_devserver"))
        .args(arguments)
        .current_dir(folder)
        .env_clear()
        .env("PATH", &bin)
        .env("XDG_RUNTIME_DIR", &runtime)
        .output()
        .expect("devserver runs");
    let real = folder.canonicalize().expect("it is there");
    let said = String::from_utf8_lossy(&output.stderr).replace(&real.display().to_string(), "PROJECT");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "", "nothing goes to standard output");
    assert_eq!(fs::read_dir(&runtime).expect("a folder").count(), 0, "a lock is left");
    (output.status.code(), said.replace(&folder.display().to_string(), "PROJECT"))
}

fn script(folder: &Path, path: &str, text: &str, mode: u32) {
    let file = folder.join(path);
    fs::create_dir_all(file.parent().expect("it is in a folder")).expect("a folder");
    fs::write(&file, text).expect("it can be written");
    fs::set_permissions(&file, fs::Permissions::from_mode(mode)).expect("its mode can be set");
}

#[test]
fn everything_that_is_missing_is_said_at_once() {
    let folder = project(
        r#"
[service.web]
command = ["webpak", "serve"]

[service.worker]
command = ["webpak", "work"]

[service.plain]
command = ["./tool"]

[service.script]
command = ["./script"]

[service.elsewhere]
command = ["/bin/true"]
cwd = "nowhere"

[service.gone]
command = ["bin/gone"]

[[check]]
exists = "settings.py"
message = "there are no settings"
hint = "write settings.py"
"#,
    );
    script(folder.path(), "tool", "", 0o644);
    script(folder.path(), "script", "#!/no/such/python\n", 0o755);
    script(folder.path(), "bin/webpack", "#!/bin/sh\n", 0o755);
    let (code, said) = start(folder.path(), &[]);
    insta::assert_snapshot!(said, @r##"
    error: cannot start script: PROJECT/script wants /no/such/python, and that isn't there
      help: mend its first line, or make the environment that it belongs to anew

    error: cannot start plain: PROJECT/tool can't be executed
      help: chmod +x PROJECT/tool

    error: cannot start elsewhere: its working directory PROJECT/nowhere isn't there
      help: make it, or mend `cwd`

    error: cannot start gone: there is no PROJECT/bin/gone
      help: is something to be installed or built first?

    error: cannot start web and worker: `webpak` is not on its PATH
      = looked in PROJECT/bin
      help: did you mean `webpack`?

    error: there are no settings
      = there is no PROJECT/settings.py
      help: write settings.py

    Nothing was started.
    "##);
    assert_eq!(code, Some(4));
}

#[test]
fn a_port_that_is_taken_is_named_with_who_has_it() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("it is bound").port();
    let pid = std::process::id();
    let start_of = |said: &str| said.starts_with(&format!("error: port {port} of web is taken by pid {pid} ("));

    let folder = project(&format!("[service.web]\ncommand = [\"/bin/sleep\", \"100\"]\nport = {port}\n"));
    let (code, said) = start(folder.path(), &["127.0.0.1:1000"]);
    assert!(start_of(&said), "{said}");
    let fix = format!("  help: stop it (kill {pid}), or give web another port\n\nNothing was started.\n");
    assert!(said.ends_with(&fix), "{said}");
    assert_eq!(code, Some(4));

    let folder = project("[service.web]\ncommand = [\"/bin/sleep\", \"100\"]\nport = \"bind.port\"\n");
    let (_, said) = start(folder.path(), &[&format!("127.0.0.1:{port}")]);
    assert!(start_of(&said), "{said}");
    let up = if port < 64_000 { port + 1000 } else { 8000 };
    let fix = format!("  help: stop it (kill {pid}), or move everything: devserver 127.0.0.1:{up}\n");
    assert!(said.contains(&fix), "{said}");
}

#[test]
fn checks_say_their_message_what_was_seen_and_the_fix() {
    let nobody = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("it is bound");
    let folder = project(&format!(
        r#"
[flag.eager]
help = "Run tasks eagerly"

[service.web]
command = ["/bin/sleep", "100"]

[[check]]
when = "flag.eager"
message = "--eager doesn't go with a web server"

[[check]]
tcp = "{nobody}"
message = "the broker isn't there"
hint = "start the broker"

[[check]]
command = ["/bin/sh", "-c", "echo migrations are missing >&2; exit 3"]
message = "the database isn't ready"
"#
    ));
    let (code, said) = start(folder.path(), &["--eager"]);
    insta::assert_snapshot!(said, @r##"
    error: --eager doesn't go with a web server

    error: the broker isn't there
      help: start the broker

    error: the database isn't ready
      = `/bin/sh -c 'echo migrations are missing >&2; exit 3'` ended with 3: migrations are missing

    Nothing was started.
    "##);
    assert_eq!(code, Some(4));
}

#[test]
fn what_a_oneshot_is_about_to_make_is_not_missing() {
    let folder = project(
        r#"
[service.setup]
oneshot = true
command = ["/bin/sh", "-c", "mkdir -p made; printf '#!/bin/sh\necho made it\n' > made/tool; chmod +x made/tool"]
creates = ["made/tool"]

[service.user]
depends_on = ["setup"]
command = ["made/tool"]
"#,
    );
    let mut stack = Stack::start(folder.path(), &[], &[]);
    stack.wait_for("made it");
    assert_eq!(stack.ended().code(), Some(0), "{}", stack.output());
}

#[test]
fn a_plan_can_look_too_and_gives_the_code_of_the_start() {
    let folder = project("[service.web]\ncommand = [\"webpak\"]\n");
    let plan = |arguments: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_devserver"))
            .arg("plan")
            .args(arguments)
            .current_dir(folder.path())
            .output()
            .expect("devserver runs");
        let json: serde_json::Value = serde_json::from_slice(&output.stdout).expect("it is JSON");
        (output.status.code(), json["errors"].clone())
    };
    let (code, errors) = plan(&["--json"]);
    assert_eq!((code, errors), (Some(0), serde_json::json!([])));
    let (code, errors) = plan(&["--json", "--preflight"]);
    assert_eq!(code, Some(4));
    assert_eq!(errors[0]["message"], "cannot start web: `webpak` is not on its PATH");
}
