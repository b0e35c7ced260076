//! What `devserver plan` prints: the matrix with a reason in each empty cell, each process, each variable with who
//! set it; and the notice about a silo that is elsewhere.

use devserver::model::Pid;
use devserver::plan::LiveStack;

use crate::support::{Devserver, Planned};

/// Two silos, a shared oneshot, probes and dependencies of each kind.
pub(super) const SHOP: &str = r#"[project]
name = "shop"
silos = ["control", "region"]

[flag.workers]
help = "Run the workers"

[ports]
control = "bind.port"
region = "bind.port + 10"

[silo.control]
[silo.region]

[[env]]
path = [".venv/bin"]
set = { PORT = "{{ silo.port }}" }
default = { LEVEL = "info" }
unset = ["DEBUG"]

[service.setup]
command = "npm ci"
shared = true
oneshot = true
creates = ["node_modules"]

[service.server]
command = ["serve", "--name", "the {{ silo.name }}", "it's"]
port = "silo.port"
ready = { http = "http://127.0.0.1:{{ silo.port }}/health", log = "ready", timeout = "90s" }
depends_on = ["setup"]

[service.worker]
silos = ["region"]
when = "flag.workers"
command = "work | tee log"
cwd = "jobs"
env = { QUEUE = "all of it" }
depends_on = { server = "started", "control.server" = "bound" }
ready = { tcp = "localhost:{{ silo.port }}", delay = "2s" }

[[check]]
exists = "shop.db"
message = "there is no database"

[[notice]]
when = "not flag.workers"
text = "orders stay where they are; add --workers"
"#;

#[test]
fn a_plan_has_a_reason_in_each_empty_cell_and_a_passage_for_each_process() {
    Devserver::of(SHOP).args("plan").prints(
        r#"shop in <folder>, 127.0.0.1:8000

        control                  region                shared
setup   - once for all silos     - once for all silos  runs
server  8000                     8010                  - one a silo
worker  - runs in `region` only  - --workers is off    - one a silo

setup
  command     npm ci
  oneshot     has to run
  environment 3 variables; devserver plan --env setup

control.server
  command     serve --name 'the control' 'it'\''s'
  port        8000
  depends on  setup
  ready when  http://127.0.0.1:8000/health answers, and a line matches `ready`, within 1m 30s
  environment 3 variables; devserver plan --env control.server

region.server
  command     serve --name 'the region' 'it'\''s'
  port        8010
  depends on  setup
  ready when  http://127.0.0.1:8010/health answers, and a line matches `ready`, within 1m 30s
  environment 3 variables; devserver plan --env region.server

checked before the start
  <folder>/shop.db is there

notices
  orders stay where they are; add --workers
"#,
    );
}

#[test]
fn each_form_of_a_probe_and_of_a_dependency_is_told() {
    Devserver::of(SHOP).args("plan --workers").prints(
        r#"shop in <folder>, 127.0.0.1:8000

        control                  region                shared
setup   - once for all silos     - once for all silos  runs
server  8000                     8010                  - one a silo
worker  - runs in `region` only  runs                  - one a silo

setup
  command     npm ci
  oneshot     has to run
  environment 3 variables; devserver plan --env setup

control.server
  command     serve --name 'the control' 'it'\''s'
  port        8000
  depends on  setup
  ready when  http://127.0.0.1:8000/health answers, and a line matches `ready`, within 1m 30s
  environment 3 variables; devserver plan --env control.server

region.server
  command     serve --name 'the region' 'it'\''s'
  port        8010
  depends on  setup
  ready when  http://127.0.0.1:8010/health answers, and a line matches `ready`, within 1m 30s
  environment 3 variables; devserver plan --env region.server

region.worker
  command     /bin/sh -c 'work | tee log'
  cwd         jobs
  depends on  region.server (started), control.server (bound)
  ready when  it listens at localhost:8010, and 2s have passed, within 1m 00s
  environment 4 variables; devserver plan --env region.worker

checked before the start
  <folder>/shop.db is there
"#,
    );
}

#[test]
fn a_process_s_environment_is_told_with_who_set_each_variable() {
    let args = "plan --workers --env region.worker";
    let said = Devserver::of(SHOP).args(args).env("PATH", "/usr/bin").env("LEVEL", "debug").run();
    // The places stand in a column, as far right as the folder's path is long.
    let lines = said.stdout.lines().map(|line| match line.split_once("  # ") {
        Some((variable, place)) => format!("{} # {place}\n", variable.trim_end()),
        None => format!("{line}\n"),
    });
    assert_eq!(
        lines.collect::<String>(),
        "# region.worker: what is added to or changed in the inherited environment
PORT=8010 # devserver.toml:17
QUEUE='all of it' # devserver.toml:38
PATH=<folder>/.venv/bin:/usr/bin # devserver.toml:16
unset DEBUG
"
    );
    said.ends_with_code(0);
}

#[test]
fn the_matrix_of_a_real_app_names_flags_settings_and_silos() {
    let said = Devserver::of("preset = \"sentry\"\n").args("plan --silo=control,region --workers --ingest").run();
    let matrix: Vec<&str> = said.stdout.lines().skip(2).take_while(|line| !line.is_empty()).collect();
    assert_eq!(
        matrix.join("\n"),
        r#"              control                                 region
webpack       8000                                    - runs in `monolith` and `control` only
server        8001                                    8010
worker        runs                                    runs
celery-beat   - --celery-beat is off                  - --celery-beat is off
relay         - runs in `monolith` and `region` only  - setting use_relay is false
consumer      - runs in `monolith` and `region` only  - the list `consumers` is empty: none of its 8 conditions holds
dev-consumer  - runs in `monolith` and `region` only  - --dev-consumer is off, the list `consumers` is empty"#,
    );
}

#[test]
fn a_silo_that_is_up_elsewhere_is_told_with_the_flags_to_add() {
    let stack = |address: &str, flags: &[&str], silo: &str, port: u16| LiveStack {
        pid: Pid(4127),
        address: address.into(),
        port_flags: flags.iter().map(|flag| (*flag).to_owned()).collect(),
        silos: [(silo.to_owned(), port)].into_iter().collect(),
    };
    let notices = |args: &str, stack: LiveStack| {
        let planned = Planned::of("preset = \"sentry\"\n").args(["--client-hostname=h", "--no-watchers"]);
        planned.args(args.split_whitespace()).live(stack).plan().notices
    };
    assert_eq!(
        notices("--silo=region --watchers", stack("127.0.0.1:8000", &["--no-watchers"], "control", 8000)),
        [
            "webpack is off: it runs with the control silo only (--no-watchers says the same)",
            "control is up on port 8000 (pid 4127), and this run looks for it on 8001; add --no-watchers here",
        ]
    );
    assert_eq!(
        notices("--silo=region", stack("127.0.0.1:9000", &[], "control", 9001)),
        ["control is up on port 9001 (pid 4127), and this run looks for it on 8000; add 127.0.0.1:9000 here"]
    );
    assert_eq!(notices("--silo=region", stack("127.0.0.1:8000", &[], "control", 8000)), Vec::<String>::new());
    assert_eq!(notices("--silo=control", stack("127.0.0.1:8000", &[], "region", 8010)), Vec::<String>::new());
}

#[test]
fn a_plan_in_json_has_the_parts_that_are_promised() {
    let said = Devserver::of(SHOP).args("plan --json --silo=region").run();
    let printed: serde_json::Value = serde_json::from_str(&said.stdout).expect("--json prints JSON");
    let keys: Vec<&String> = printed.as_object().expect("it is an object").keys().collect();
    assert_eq!(
        keys,
        [
            "project",
            "root",
            "address",
            "silos",
            "ports",
            "processes",
            "absent",
            "files",
            "checks",
            "peers",
            "notices",
            "errors"
        ]
    );
    assert_eq!(printed["ports"], serde_json::json!({ "control": 8000, "region": 8010 }));
    assert_eq!(
        printed["absent"],
        serde_json::json!([{ "silo": "region", "service": "worker", "reason": "--workers is off" }])
    );
    assert_eq!(printed["notices"], serde_json::json!(["orders stay where they are; add --workers"]));
    let server = &printed["processes"][1];
    assert_eq!(server["name"], "region.server");
    assert_eq!((&server["silo"], &server["service"]), (&"region".into(), &"server".into()));
    assert_eq!(server["command"], serde_json::json!(["serve", "--name", "the region", "it's"]));
    assert_eq!((&server["cwd"], &server["port"]), (&"<folder>".into(), &8010.into()));
    assert_eq!(server["env"]["PORT"], "8010");
    assert_eq!(server["depends_on"], serde_json::json!([{ "process": "setup", "condition": "ready" }]));
    said.ends_with_code(0);
}
