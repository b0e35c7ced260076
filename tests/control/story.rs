//! What happened and why: the journal, `why`, `events` and `timeline`, while a stack runs and after its end.

use std::fs;

use serde_json::{Value, json};

use super::site::Site;

const CHAIN: &str = "
[silo.region]
prefix = \"region\"
[silo.control]
prefix = \"control\"
[service.db]
command = [\"FAKE\", \"--print\", \"here I am\"]
ready = { delay = \"300ms\" }
[service.web]
command = [\"FAKE\", \"--print\", \"at work\"]
depends_on = [\"db\"]
[service.bad]
command = [\"sh\", \"-c\", \"echo KeyError: DSN; exit 3\"]
restart = \"never\"
ready = { delay = \"5s\" }
[service.after]
command = [\"FAKE\"]
depends_on = [\"bad\"]
[service.slow]
command = [\"FAKE\"]
ready = { tcp = \"127.0.0.1:1\" }
";

fn text(site: &Site, name: &str) -> String {
    let said = site.run(&["why", name]);
    assert_eq!(said.code, 0, "{said:?}");
    said.stdout
}

#[test]
fn why_says_in_two_sentences_how_it_stands_and_what_that_comes_from() {
    let site = Site::new(CHAIN);
    let mut stack = site.up(&["--silo=region"]);
    stack.wait_for("region.after");
    assert_eq!(site.run(&["wait", "ready", "web", "--timeout", "60s"]).code, 0);
    let bad = text(&site, "bad");
    assert!(bad.starts_with("region.bad isn't running: it exited with 3. Its run 1 exited with 3, "), "{bad}");
    assert!(bad.ends_with(" ago.\nIt said last:\n  KeyError: DSN\n"), "{bad}");
    let after = text(&site, "after");
    let says =
        "region.after isn't running: waiting for region.bad, which failed: it exited with 3. region.bad: its run 1";
    assert!(after.starts_with(says), "{after}");
    let slow = text(&site, "slow");
    assert!(slow.starts_with("region.slow has been running (pid "), "{slow}");
    assert!(
        slow.contains(" and isn't ready") && slow.contains("Its probe says: nothing answers at 127.0.0.1:1."),
        "{slow}"
    );
    let web = text(&site, "web");
    assert!(web.contains(" is ready (pid ") && web.contains("It became ready "), "{web}");
    assert_eq!(site.run(&["restart", "--wait", "web"]).code, 0);
    let web = text(&site, "web");
    assert!(web.contains("Its run 1 ended because of that: a command (pid "), "{web}");
    assert_eq!(site.run(&["stop", "web"]).code, 0);
    let web = text(&site, "web");
    assert!(web.starts_with("region.web isn't running: it was stopped. A command (pid "), "{web}");
    assert!(web.contains(") asked for it to be stopped, "), "{web}");
    let json = site.run(&["why", "bad", "--json"]).json();
    assert_eq!((&json["process"], &json["lines"]), (&json!("region.bad"), &json!(["KeyError: DSN"])));
    assert!(json["what"].is_string() && json["because"].is_string(), "{json}");
    let unknown = site.run(&["why", "dbb"]);
    assert_eq!(unknown.code, 2, "{unknown:?}");
    assert_eq!(unknown.stderr, "error: no process here is called `dbb`\n  help: did you mean `db`?\n");
    assert_eq!(site.run(&["down"]).code, 0);
    assert_eq!(stack.ended().code(), Some(0));
    // From the journal alone.
    let bad = text(&site, "bad");
    let says = "region.bad isn't running: nothing of its stack is. Its run 1 exited with 3, ";
    assert!(bad.starts_with(says), "{bad}");
    let web = text(&site, "db");
    assert!(web.contains("as it was told to"), "{web}");
}

#[test]
fn a_name_that_means_several_is_asked_back() {
    let site = Site::new(CHAIN);
    let mut stack = site.up(&["--silo=control,region"]);
    stack.wait_for("at work");
    let said = site.run(&["why", "web"]);
    assert_eq!(said.code, 2, "{said:?}");
    let names = ["help: name one of ", "`control.web`", " and ", "`region.web`"];
    assert!(said.stderr.starts_with("error: `web` means several processes\n"), "{said:?}");
    assert!(names.iter().all(|name| said.stderr.contains(name)), "{said:?}");
    assert_eq!(stack.stop().code(), Some(0));
}

#[test]
fn the_journal_has_what_when_and_who_asked_and_only_grows() {
    let site = Site::new(CHAIN);
    let journal = || {
        let text = fs::read_to_string(site.path().join(".devserver/journal/region.jsonl")).expect("it is there");
        text.lines().map(|line| serde_json::from_str(line).expect("each line is an object")).collect::<Vec<Value>>()
    };
    let mut stack = site.up(&["--silo=region"]);
    stack.wait_for("at work");
    assert_eq!(site.run(&["restart", "--wait", "web"]).code, 0);
    assert_eq!(site.run(&["down"]).code, 0);
    assert_eq!(stack.ended().code(), Some(0));
    let first = journal();
    assert_eq!((&first[0]["journal"], &first[0]["command"]), (&json!("began"), &json!("devserver --silo=region")));
    let commanded = |command: &str| {
        first.iter().find(|line| line["event"] == "commanded" && line["command"]["command"] == command).cloned()
    };
    let restart = commanded("restart").expect("it was noted");
    assert_eq!((&restart["by"]["via"], &restart["processes"]), (&json!("cli"), &json!(["region.web"])));
    assert!(restart["by"]["pid"].is_i64() && restart["at"].is_string(), "{restart}");
    assert!(commanded("down").is_some());
    let said = site.run(&["events", "--json", "web"]);
    let events: Vec<Value> = said.stdout.lines().map(|line| serde_json::from_str(line).expect("an object")).collect();
    assert!(events.iter().filter(|event| event["event"] == "started").count() == 2, "{said:?}");
    assert!(site.run(&["events"]).stdout.contains("asked to restart region.web\n"));
    // A second life is added.
    let mut stack = site.up(&["--silo=region"]);
    stack.wait_for("at work");
    let mut follow = crate::support::stack::Stack::run(site.command(&["events", "-f", "web"]), site.path(), &[]);
    follow.wait_for("region.web ready after");
    assert_eq!(site.run(&["stop", "web"]).code, 0);
    follow.wait_for("region.web stopped");
    assert_eq!(stack.stop().code(), Some(0));
    assert_eq!(follow.ended().code(), Some(0), "it ends with the stack: {}", follow.output());
    let both = journal();
    assert_eq!(both[..first.len()], first[..], "what was written stays");
    assert_eq!(both.iter().filter(|line| line["journal"] == "began").count(), 2);
}

#[test]
fn timeline_shows_each_start_and_the_chain_that_took_longest() {
    let site = Site::new(CHAIN);
    let none = site.run(&["timeline"]);
    assert_eq!(none.code, 7, "{none:?}");
    let mut stack = site.up(&["--silo=region"]);
    stack.wait_for("at work");
    assert_eq!(site.run(&["wait", "ready", "web", "--timeout", "60s"]).code, 0);
    assert_eq!(stack.stop().code(), Some(0));
    let said = site.run(&["timeline", "--json"]).json();
    let processes = said["stacks"][0]["processes"].as_array().expect("a list").clone();
    let of = |name: &str| processes.iter().find(|start| start["name"] == name).expect("it was started").clone();
    let (db, web) = (of("region.db"), of("region.web"));
    let seconds = |value: &Value| value.as_f64().unwrap_or_else(|| panic!("{value}"));
    assert!(seconds(&db["ready"]) - seconds(&db["started"]) >= 0.25, "{db}");
    assert!(seconds(&web["started"]) >= seconds(&db["ready"]), "it waited: {web}");
    assert_eq!(of("region.bad")["failed"], "it exited with 3");
    let text = site.run(&["timeline"]);
    assert!(text.stdout.contains("region.db") && text.stdout.contains("failed: it exited with 3"), "{}", text.stdout);
}
