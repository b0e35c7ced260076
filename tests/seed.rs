//! Every command of the seed, as written there: down to its processes and ports, and run for real on ports
//! that are free, with a stand-in for the application.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use serde_json::Value as Json;

use crate::support::stack::{Stack, free_base, get};

const OFFSETS: [u16; 3] = [0, 1, 10];

/// A command of the seed behind its `sentry devserver` or `devserver`, what it runs, and on which ports.
struct Row {
    arguments: &'static [&'static str],
    processes: &'static [(&'static str, Option<u16>)],
}

const ROWS: &[Row] = &[
    Row {
        arguments: &["--silo=control", "--celery-beat", "--workers"],
        processes: &[
            ("control.webpack", Some(8000)),
            ("control.server", Some(8001)),
            ("control.worker", None),
            ("control.celery-beat", None),
        ],
    },
    Row {
        arguments: &["--silo=region", "--celery-beat", "--workers", "--ingest"],
        processes: &[("region.server", Some(8010)), ("region.worker", None), ("region.celery-beat", None)],
    },
    // The options may be omitted.
    Row {
        arguments: &["--silo=control"],
        processes: &[("control.webpack", Some(8000)), ("control.server", Some(8001))],
    },
    Row { arguments: &["--silo=region"], processes: &[("region.server", Some(8010))] },
    Row {
        arguments: &["--ngrok=acme.ngrok.dev", "--silo=control"],
        processes: &[("control.webpack", Some(8000)), ("control.server", Some(8001))],
    },
    Row { arguments: &["--ngrok=acme.ngrok.dev", "--silo=region"], processes: &[("region.server", Some(8010))] },
];

/// A project on the preset, with stand-ins for its programs that listen where they are told to.
fn project() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let fake = env!("CARGO_BIN_EXE_fake-service");
    let write = |path: &str, text: String| {
        let file = folder.path().join(path);
        fs::create_dir_all(file.parent().expect("it is in a folder")).expect("a folder");
        fs::write(&file, text).expect("it can be written");
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).expect("its mode can be set");
    };
    write("devserver.toml", "preset = \"sentry\"\n\n[[env]]\npath = [\"bin\"]\n".to_owned());
    let sentry = format!(
        "#!/bin/sh\necho \"ngrok=$SENTRY_DEVSERVER_NGROK mode=$SENTRY_SILO_MODE\"\n\
         case \"$1 $2\" in\n  'run web') exec {fake} --listen \"$UWSGI_HTTP_SOCKET\" --http 200 ;;\n  \
         *) exec {fake} --print \"$*\" ;;\nesac\n"
    );
    write("bin/sentry", sentry);
    let webpack = format!(
        "#!/bin/sh\nexec {fake} --listen \"$SENTRY_WEBPACK_PROXY_HOST:$SENTRY_WEBPACK_PROXY_PORT\" --http 200\n"
    );
    write("node_modules/.bin/webpack", webpack);
    folder
}

fn plan(folder: &Path, arguments: &[&str]) -> Json {
    let output = Command::new(env!("CARGO_BIN_EXE_devserver"))
        .args(["plan", "--json"])
        .args(arguments)
        .current_dir(folder)
        .env_remove("SENTRY_DEVSERVER_BIND")
        .env_remove("DEVSERVER_BIND")
        .output()
        .expect("devserver runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("it is JSON")
}

#[test]
fn each_command_of_the_seed_runs_these_processes_on_these_ports() {
    let folder = project();
    for row in ROWS {
        let plan = plan(folder.path(), row.arguments);
        let processes = plan["processes"].as_array().expect("a list");
        let got: Vec<(String, Option<u64>)> = processes
            .iter()
            .map(|process| (process["name"].as_str().unwrap_or_default().to_owned(), process["port"].as_u64()))
            .collect();
        let expected: Vec<(String, Option<u64>)> =
            row.processes.iter().map(|(name, port)| ((*name).to_owned(), port.map(u64::from))).collect();
        assert_eq!(got, expected, "{:?}", row.arguments);
    }
}

#[test]
fn each_command_of_the_seed_comes_up_and_one_ctrl_c_takes_all_of_it_down() {
    let folder = project();
    let runtime = tempfile::tempdir().expect("a temporary folder");
    let base = free_base(&OFFSETS);
    let address = format!("127.0.0.1:{base}");
    for row in ROWS {
        let arguments: Vec<&str> = row.arguments.iter().copied().chain([address.as_str()]).collect();
        let runtime = runtime.path().display().to_string();
        let mut stack = Stack::start(folder.path(), &arguments, &[("XDG_RUNTIME_DIR", &runtime)]);
        stack.wait_for("everything is up after");
        for (name, port) in row.processes {
            if let Some(port) = port {
                let moved = base + (port - 8000);
                let answer = get(moved, "/").unwrap_or_else(|| panic!("{name} doesn't answer on {moved}"));
                assert_eq!(answer.status, 200, "{name} on {moved}");
            }
        }
        let ngrok = row.arguments.iter().find_map(|argument| argument.strip_prefix("--ngrok="));
        stack.wait_for(&format!("ngrok={} mode=", ngrok.unwrap_or_default()));
        assert_eq!(stack.stop().code(), Some(0), "{:?}: {}", row.arguments, stack.output());
        assert_eq!(stack.leftovers(), Vec::<String>::new(), "{:?}", row.arguments);
        for offset in OFFSETS {
            let port = base + offset;
            assert!(std::net::TcpListener::bind(("127.0.0.1", port)).is_ok(), "{port} is still taken");
        }
    }
}

#[test]
fn ingest_without_the_setting_says_so_and_how_to_switch_it_on() {
    let folder = project();
    let plan = plan(folder.path(), &["--silo=region", "--ingest"]);
    let notices = plan["notices"].to_string();
    assert!(notices.contains("Relay isn't started, because the setting use_relay is off"), "{notices}");
    assert!(notices.contains("--set use_relay=true"), "{notices}");
}

#[test]
fn two_supervisors_run_side_by_side_and_each_knows_whether_the_other_answers() {
    let folder = project();
    let runtime = tempfile::tempdir().expect("a temporary folder");
    let runtime_folder = runtime.path().display().to_string();
    let variables = [("XDG_RUNTIME_DIR", runtime_folder.as_str())];
    let base = free_base(&OFFSETS);
    let address = format!("127.0.0.1:{base}");
    let mut region = Stack::start(folder.path(), &["--silo=region", &address], &variables);
    let line = region.wait_for("control at 127.0.0.1:");
    assert!(line.contains(&format!("control at 127.0.0.1:{} isn't answering", base + 1)), "{line}");
    let mut control = Stack::start(folder.path(), &["--silo=control", &address], &variables);
    let line = control.wait_for("region ");
    assert!(control.wait_for("region answers at").contains(&(base + 10).to_string()), "{line}");

    // A third that overlaps is refused, with the holder's name.
    let mut third = Stack::start(folder.path(), &["--silo=control,region", &address], &variables);
    assert_eq!(third.ended().code(), Some(8), "{}", third.output());
    assert!(third.output().contains("silo `control` is already running here: pid"), "{}", third.output());

    assert_eq!(control.stop().code(), Some(0), "{}", control.output());
    assert_eq!(region.stop().code(), Some(0), "{}", region.output());
    for stack in [&control, &region, &third] {
        assert_eq!(stack.leftovers(), Vec::<String>::new());
    }
    assert_eq!(fs::read_dir(runtime.path()).expect("a folder").count(), 0, "a lock is left");
}

#[test]
fn a_silo_that_is_up_elsewhere_is_named_with_the_flag_to_add() {
    let folder = project();
    let runtime = tempfile::tempdir().expect("a temporary folder");
    let runtime_folder = runtime.path().display().to_string();
    let variables = [("XDG_RUNTIME_DIR", runtime_folder.as_str())];
    let base = free_base(&OFFSETS);
    let address = format!("127.0.0.1:{base}");
    let mut control = Stack::start(folder.path(), &["--silo=control", "--no-watchers", &address], &variables);
    control.wait_for("everything is up after");
    let mut region = Stack::start(folder.path(), &["--silo=region", &address], &variables);
    let line = region.wait_for("control is up on port");
    assert!(line.contains(&format!("control is up on port {base} (pid ")), "{line}");
    assert!(line.contains("add --no-watchers here"), "{line}");
    assert_eq!(region.stop().code(), Some(0));
    assert_eq!(control.stop().code(), Some(0));
}
