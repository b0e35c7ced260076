//! The commands that look at what runs and change it, and their exit codes.

use devserver::model::Pid;
use devserver::sys::proc;
use serde_json::json;

use super::site::Site;
use crate::support::stack::eventually;

const TWO: &str = "
[silo.control]
prefix = \"control\"
[silo.region]
prefix = \"region\"
[service.web]
command = [\"FAKE\", \"--print\", \"here I am\"]
[service.worker]
command = [\"FAKE\", \"--print\", \"at work\"]
depends_on = [\"web\"]
";

#[test]
fn ps_shows_each_process_with_its_phase_and_what_its_tree_takes() {
    let site = Site::new(
        "[service.web]\ncommand = [\"sh\", \"-c\", \"sleep 100 & sleep 101 & wait\"]\n\
         [service.bad]\ncommand = [\"sh\", \"-c\", \"exit 3\"]\nrestart = \"never\"\n",
    );
    let mut stack = site.up(&[]);
    stack.wait_for("bad");
    let web = eventually("the shell has made its children", || {
        let web = site.process("web");
        (web["count"] == json!(3)).then_some(web)
    });
    assert_eq!((&web["phase"], &web["restarts"], &web["health"]), (&json!("ready"), &json!(0), &json!("ok")));
    assert!(web["pid"].as_i64().is_some_and(|pid| pid > 1) && web["uptime"].as_f64().is_some(), "{web}");
    assert!(web["memory"].as_u64().is_some_and(|bytes| bytes > 100_000), "{web}");
    assert!(web["cpu"].as_f64().is_some_and(|cpu| cpu < 50.0), "it sleeps: {web}");
    let said = site.run(&["ps"]);
    assert_eq!(said.code, 0, "{said:?}");
    let lines: Vec<Vec<&str>> = said.stdout.lines().map(|line| line.split_whitespace().collect()).collect();
    let head = ["PROCESS", "PHASE", "PID", "UPTIME", "READY", "AFTER", "RESTARTS", "CPU", "MEMORY", "PORT", "URL"];
    assert_eq!(lines[1], head);
    assert_eq!(lines[2][..3], ["web", "ready", &web["pid"].to_string()]);
    assert_eq!(lines[3][..3], ["bad", "failed", "-"]);
    assert!(said.stdout.lines().nth(3).is_some_and(|line| line.ends_with("it exited with 3")), "{}", said.stdout);
    let status = site.run(&["status"]);
    assert_eq!(status.code, 5, "something failed: {status:?}");
    assert!(status.stdout.contains("1 of 2 ready\n  bad has failed: it exited with 3\n"), "{}", status.stdout);
    assert_eq!(stack.stop().code(), Some(0));
}

#[test]
fn a_busy_process_takes_about_a_core() {
    let site = Site::new("[service.web]\ncommand = [\"sh\", \"-c\", \"while :; do :; done\"]\n");
    let mut stack = site.up(&[]);
    let busy = eventually("it is seen to be busy", || {
        let cpu = site.run(&["ps", "--json"]);
        if cpu.code != 0 {
            return None;
        }
        let cpu = site.process("web")["cpu"].as_f64()?;
        (cpu > 5.0).then_some(cpu)
    });
    assert!(busy < 130.0, "one thread has one core: {busy}");
    assert_eq!(stack.stop().code(), Some(0));
}

#[test]
fn restart_replaces_just_those_that_are_meant_and_waits_until_they_are_ready() {
    let site = Site::new(TWO);
    let mut stack = site.up(&["--silo=control,region"]);
    stack.wait_for("region.worker");
    assert_eq!(site.run(&["wait", "ready", "*", "--timeout", "60s"]).code, 0);
    let pid = |name: &str| site.process(name)["pid"].clone();
    let before = ["control.web", "control.worker", "region.web", "region.worker"].map(pid);
    let said = site.run(&["restart", "--wait", "*.worker"]);
    assert_eq!((said.code, said.stdout.as_str()), (0, "control.worker, region.worker: restarted and ready\n"));
    let after = ["control.web", "control.worker", "region.web", "region.worker"].map(pid);
    let kept: Vec<bool> = before.iter().zip(&after).map(|(before, after)| before == after).collect();
    assert_eq!(kept, [true, false, true, false]);
    assert_eq!(site.process("region.worker")["restarts"], 1);
    stack.wait_for("a command (pid");
    assert!(stack.output().contains("asked to restart control.worker and region.worker"), "{}", stack.output());
    assert_eq!(stack.stop().code(), Some(0));
}

#[test]
fn stop_returns_when_they_are_gone_the_rest_goes_on_and_start_brings_them_back_with_what_they_stand_on() {
    let site = Site::new(TWO);
    let mut stack = site.up(&["--silo=region"]);
    assert_eq!(
        eventually("it is up", || Some(site.run(&["wait", "ready", "*"])).filter(|said| said.code == 0)).code,
        0
    );
    let pid = Pid(i32::try_from(site.process("region.web")["pid"].as_i64().expect("it is up")).expect("a pid"));
    let said = site.run(&["stop", "web", "region.worker"]);
    assert_eq!((said.code, said.stdout.as_str()), (0, "stopped region.web, region.worker\n"));
    assert_eq!(proc::stat(pid), None, "it is gone when the command returns");
    let web = site.process("region.web");
    assert_eq!((&web["phase"], &web["hold"]["hold"]), (&json!("idle"), &json!("not-wanted")));
    let said = site.run(&["start", "worker", "--json"]);
    assert_eq!((said.code, said.json()), (0, json!({ "done": ["region.worker"] })));
    assert_eq!(site.run(&["wait", "ready", "web", "worker", "--timeout", "60s"]).code, 0);
    assert_eq!(stack.stop().code(), Some(0));
}

#[test]
fn signal_reaches_the_main_process_and_says_when_there_is_none() {
    let site =
        Site::new("[service.web]\ncommand = [\"FAKE\", \"--record\", \"signals\", \"--print\", \"here I am\"]\n");
    let mut stack = site.up(&[]);
    stack.wait_for("here I am");
    let said = site.run(&["signal", "usr1", "web"]);
    assert_eq!((said.code, said.stdout.as_str()), (0, "sent USR1 to web\n"));
    eventually("it got it", || {
        let got = std::fs::read_to_string(site.path().join("signals")).unwrap_or_default();
        got.contains("got USR1").then_some(())
    });
    let said = site.run(&["signal", "FOO", "web"]);
    assert_eq!(said.code, 2, "{said:?}");
    assert!(said.stderr.starts_with("error: `FOO` isn't a signal\n"), "{said:?}");
    assert_eq!(site.run(&["stop", "web"]).code, 0);
    let said = site.run(&["signal", "HUP", "web"]);
    assert_eq!(said.code, 5, "{said:?}");
    assert!(said.stderr.starts_with("error: web isn't running, so there is nobody to send it to\n"), "{said:?}");
    assert_eq!(stack.stop().code(), Some(0));
}

#[test]
fn a_start_forgets_how_often_it_failed() {
    let site = Site::new(
        "[service.web]\ncommand = [\"sh\", \"-c\", \"test -e good && exec sleep 100; exit 1\"]\n\
         restart = \"on-failure\"\nready = { delay = \"300ms\" }\nbackoff = { give_up_after = 2, min = \"10ms\", max = \"10ms\" }\n\
         [service.other]\ncommand = [\"sleep\", \"100\"]\n",
    );
    let mut stack = site.up(&[]);
    stack.wait_for("is left alone");
    assert_eq!(site.process("web")["restarts"], 1);
    let said = site.run(&["restart", "--wait", "web"]);
    assert_eq!(said.code, 5, "it gives up again: {said:?}");
    assert!(said.stderr.starts_with("error: web: 2 runs in a row ended early"), "{said:?}");
    assert_eq!(site.process("web")["restarts"], 3, "and has had two tries again");
    std::fs::write(site.path().join("good"), "").expect("the folder is ours");
    assert_eq!(site.run(&["start", "web"]).code, 0);
    assert_eq!(site.run(&["wait", "ready", "web", "--timeout", "60s"]).code, 0);
    assert_eq!(stack.stop().code(), Some(0));
}

#[test]
fn down_stops_everything_in_order_and_leaves_nothing() {
    let site = Site::new(TWO);
    let mut stack = site.up(&["--silo=region"]);
    stack.wait_for("at work");
    stack.look();
    let said = site.run(&["down"]);
    assert_eq!(said.code, 0, "{said:?}");
    assert!(said.stdout.starts_with("region is down: 2 processes stopped (pid "), "{said:?}");
    // At once: nobody is in its way.
    let mut next = site.up(&["--silo=region"]);
    next.wait_for("at work");
    assert_eq!(stack.ended().code(), Some(0));
    assert_eq!(stack.leftovers(), Vec::<String>::new());
    assert_eq!(next.stop().code(), Some(0));
}

#[test]
fn what_runs_can_be_stopped_although_the_file_is_broken_and_from_elsewhere() {
    let site = Site::new(TWO);
    let mut stack = site.up(&["--silo=region"]);
    stack.wait_for("at work");
    site.write("this is [ no TOML");
    let elsewhere = tempfile::tempdir().expect("a folder");
    let project = format!("--project={}", site.path().display());
    let beside = |arguments: &[&str]| {
        let mut command = site.command(arguments);
        super::site::said(command.current_dir(elsewhere.path()))
    };
    let none = beside(&["ps"]);
    assert_eq!(none.code, 7, "{none:?}");
    let note = format!("= region runs in {} (pid ", site.path().display());
    assert!(none.stderr.contains("there is no devserver.toml in") && none.stderr.contains(&note), "{none:?}");
    assert!(none.stderr.contains(&project), "and how it is reached: {none:?}");
    assert_eq!(beside(&["ps", &project]).code, 0);
    assert_eq!(beside(&["restart", "--wait", "web", &project]).code, 0);
    assert_eq!(beside(&["down", &project]).code, 0);
    assert_eq!(stack.ended().code(), Some(0));
}

#[test]
fn a_name_that_nobody_has_and_a_silo_that_does_not_run_are_refused_with_what_there_is() {
    let site = Site::new(TWO);
    let nothing = site.run(&["restart", "web"]);
    assert_eq!(nothing.code, 7, "{nothing:?}");
    let says = format!("error: nothing of {} is running\n  help: start it with `devserver`\n", site.path().display());
    assert_eq!(nothing.stderr, says);
    assert_eq!(site.run(&["status", "--json"]).json(), json!({ "stacks": [] }));
    let mut stack = site.up(&["--silo=region"]);
    stack.wait_for("at work");
    let said = site.run(&["restart", "weeb"]);
    assert_eq!(said.code, 2, "{said:?}");
    assert_eq!(said.stderr, "error: no process here is called `weeb`\n  help: did you mean `web`?\n");
    let said = site.run(&["stop", "nobody"]);
    assert_eq!(said.code, 2, "{said:?}");
    let says =
        "error: no process here is called `nobody`\n  help: what runs here is `region.web` and `region.worker`\n";
    assert_eq!(said.stderr, says);
    let said = site.run(&["ps", "--silo=control"]);
    assert_eq!(said.code, 7, "{said:?}");
    assert_eq!(said.stderr, "error: no stack here runs `control`\n  help: what runs here is `region`\n");
    assert_eq!(stack.stop().code(), Some(0));
}
