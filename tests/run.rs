//! `devserver run -- COMMAND` and `devserver env NAME`: the environment of a silo, for a command and for the eye.

use devserver::model::Signal;

use crate::support::Devserver;
use crate::support::stack::{Stack, free_base};
use crate::support::terminal::Terminal;

const PROJECT: &str = r#"
[flag.workers]
help = "Run workers"

[ports]
control = "bind.port + 1"
region = "bind.port + 10"

[silo.control]
[silo.region]
env = { REGION = "us" }

[[env]]
set = { MODE = "{{ silo.name }}", PORT = "{{ silo.port }}", API_TOKEN = "canary-4711", WORKERS = "{{ 'True' if flag.workers else 'False' }}" }
path = ["bin"]

[[env]]
services = ["server"]
set = { SERVER_ONLY = "yes" }

[service.server]
command = ["sh", "-c", "echo up; exec sleep 600"]
url = "http://127.0.0.1:{{ silo.port }}"
port = "silo.port"
ready = { log = "up", owner = "any" }

[service.worker]
when = "flag.workers"
command = "sleep 600"
"#;

fn project() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    std::fs::write(folder.path().join("devserver.toml"), PROJECT).expect("it can be written");
    std::fs::create_dir_all(folder.path().join("run")).expect("it is ours");
    folder
}

fn runtime(folder: &tempfile::TempDir) -> String {
    folder.path().join("run").display().to_string()
}

#[test]
fn a_command_gets_what_every_service_of_the_silo_has_and_nothing_that_one_alone_has() {
    let shown = "echo $MODE $PORT $REGION $WORKERS server:$SERVER_ONLY";
    let run = |silo: &str| Devserver::of(PROJECT).args("run").arg(silo).args("-- sh -c").arg(shown);
    run("--silo=region").prints("region 8010 us False server:\n");
    run("--silo=control").prints("control 8001 False server:\n");
    let moved = Devserver::of(PROJECT).args("run --silo=region --workers 127.0.0.1:9000 -- sh -c").arg(shown);
    moved.prints("region 9010 us True server:\n");
}

#[test]
fn a_program_of_the_projects_own_folders_is_found_and_arguments_arrive_as_they_are() {
    let script = "#!/bin/sh\nprintf '<%s>' \"$@\"\npwd | sed 's|.*/||'\n";
    let project = Devserver::of(PROJECT).file("bin/show", script).folder("sub").inside("sub");
    let folder = project.args("run --silo=region -- chmod +x ../bin/show");
    folder.prints("");
    let again = Devserver::of(PROJECT).file("bin/show", script).folder("sub").inside("sub");
    // One folder for each: so it is made executable and called in one.
    let line = "chmod +x ../bin/show && show '--json' 'a b' '$HOME' '*'";
    again.args("run --silo=region -- sh -c").arg(line).prints("<--json><a b><$HOME><*>sub\n");
}

#[test]
fn it_ends_as_the_command_does() {
    let ends = |line: &str| Devserver::of(PROJECT).args("run --silo=region -- sh -c").arg(line).run().code;
    assert_eq!(ends("exit 7"), 7);
    assert_eq!(ends("kill -TERM $$"), -15, "its signal is ours: a shell sees no difference");
    // What runtimes ignore for themselves isn't ignored in what they execute.
    assert_eq!(ends("kill -PIPE $$"), -13);
}

#[test]
fn at_a_terminal_it_is_in_the_foreground_and_keys_reach_it() {
    let folder = project();
    let line = "echo pid $$; stty -a | grep -q 'rows 40' && echo sized; trap 'echo heard; exit 3' INT; cat; read x";
    let words = ["run", "--silo=region", "--", "bash", "-c", line];
    let mut terminal = Terminal::devserver(folder.path(), &words, &[("XDG_RUNTIME_DIR", &runtime(&folder))]);
    // Nobody stands in between: it is our very process.
    terminal.wait_for(&format!("pid {}\r\n", terminal.pid()));
    terminal.wait_for("sized");
    terminal.press("typed\r");
    terminal.wait_for("typed\r\ntyped\r\n");
    terminal.press("\x03");
    terminal.wait_for("heard");
    assert_eq!(terminal.code(), 3);
}

#[test]
fn beside_a_running_stack_it_has_the_ports_and_flags_of_that_stack() {
    let folder = project();
    let base = free_base(&[0, 1, 10]);
    let (address, runtime) = (format!("127.0.0.1:{base}"), runtime(&folder));
    let variables = [("XDG_RUNTIME_DIR", runtime.as_str())];
    let mut stack = Stack::start(folder.path(), &["--silo=region", "--workers", &address], &variables);
    stack.wait_for("server ready");
    let ask = |arguments: &[&str]| {
        let mut one = Stack::start(folder.path(), arguments, &variables);
        assert!(one.ended().success(), "{}", one.output());
        one.output()
    };
    let region = base + 10;
    let shown = ask(&["run", "--", "sh", "-c", "echo $MODE $PORT $WORKERS"]);
    assert_eq!(shown, format!("region {region} True"));
    let shown = ask(&["env", "worker", "--json"]);
    assert!(shown.contains(&format!("\"PORT\": \"{region}\"")), "{shown}");
    assert_eq!(ask(&["open", "--print"]), format!("http://127.0.0.1:{region}"));
    assert_eq!(ask(&["open", "region.server", "--json"]), format!("{{\n  \"url\": \"http://127.0.0.1:{region}\"\n}}"));
    // A flag of one's own is what counts, for all of it.
    let shown = ask(&["run", "--silo=region", "--no-workers", "--", "sh", "-c", "echo $PORT $WORKERS"]);
    assert_eq!(shown, "8010 False");
    stack.stop();
}

#[test]
fn what_is_opened_is_opened_with_the_browser_of_the_user() {
    let folder = project();
    let base = free_base(&[0, 1, 10]);
    let (address, runtime) = (format!("127.0.0.1:{base}"), runtime(&folder));
    let browser = folder.path().join("browser");
    std::fs::write(&browser, format!("#!/bin/sh\necho \"$@\" > {}\n", folder.path().join("opened").display()))
        .expect("it can be written");
    std::process::Command::new("chmod").arg("+x").arg(&browser).status().expect("chmod is there");
    let browser = browser.display().to_string();
    let variables = [("XDG_RUNTIME_DIR", runtime.as_str()), ("BROWSER", browser.as_str())];
    let mut stack = Stack::start(folder.path(), &["--silo=region", &address], &variables);
    stack.wait_for("server ready");
    let mut open = Stack::start(folder.path(), &["open"], &variables);
    assert!(open.ended().success(), "{}", open.output());
    let opened = std::fs::read_to_string(folder.path().join("opened")).expect("it was started, and has ended");
    assert_eq!(opened, format!("http://127.0.0.1:{}\n", base + 10));
    let refused = [("BROWSER", "no-such-browser"), ("PATH", "/nowhere"), ("XDG_RUNTIME_DIR", runtime.as_str())];
    let mut open = Stack::start(folder.path(), &["open", "server"], &refused);
    assert_eq!(open.ended().code(), Some(4));
    assert!(open.output().contains("error: there is no browser here that could open it"), "{}", open.output());
    stack.signal(Signal::INT);
    stack.ended();
}

#[test]
fn env_prints_what_is_added_with_who_says_so_and_no_secret_unless_asked() {
    let said = Devserver::of(PROJECT).args("env region.server").run();
    said.ends_with_code(0);
    assert!(said.stdout.contains("MODE=region"), "{}", said.stdout);
    assert!(said.stdout.contains("SERVER_ONLY=yes"), "{}", said.stdout);
    assert!(said.stdout.contains("# devserver.toml:"), "{}", said.stdout);
    assert!(!said.stdout.contains("canary-4711"), "{}", said.stdout);
    let json = Devserver::of(PROJECT).args("env control.server --json").run();
    let json: serde_json::Value = serde_json::from_str(&json.stdout).expect("it is JSON");
    assert_eq!((json["MODE"].as_str(), json["API_TOKEN"].as_str()), (Some("control"), Some("••••")));
    let bare = Devserver::of(PROJECT).args("env region.server --json --reveal").run();
    assert!(bare.stdout.contains("canary-4711"), "{}", bare.stdout);
}

#[test]
fn what_is_wrong_with_it_is_said_before_anything_runs() {
    let refuse = |args: &str, code: i32, says: &str| Devserver::of(PROJECT).args(args).refuses(code, says);
    refuse(
        "run python manage.py",
        2,
        "error: `devserver run` needs a command, behind `--`\n  help: write devserver run -- python manage.py\n",
    );
    refuse(
        "run --silo=region --",
        2,
        "error: `devserver run` needs a command, behind `--`\n  help: write devserver run --silo=region -- COMMAND\n",
    );
    refuse(
        "run --silo=control,region -- true",
        2,
        "error: a command runs in one silo, and this would be `control` and `region`\n  help: name it: devserver run \
         --silo=control -- …\n",
    );
    refuse("run --silo=regoin -- true", 2, "error: there is no silo `regoin`\n  help: did you mean --silo=region?\n");
    refuse(
        "run --silo=region -- ./nothing",
        127,
        "error: `./nothing` isn't a program: it isn't there, or can't be executed\n  help: check its path and its \
         mode\n",
    );
    refuse(
        "env region.worker",
        2,
        "error: `region.worker` isn't in this plan: --workers is off\n  help: give the flags with which it runs\n",
    );
    refuse(
        "env",
        2,
        "error: `devserver env` needs the name of a process\n  help: write devserver env NAME; `devserver plan` lists \
         them\n",
    );
    refuse(
        "env region.servr",
        2,
        "error: no process of this plan is called `region.servr`\n  help: did you mean `region.server`?\n",
    );
    refuse("open", 7, "error: nothing of <folder> is running\n  help: start it with `devserver`\n");
}
