//! Stacks in the background.

use devserver::model::{Pid, Signal};
use devserver::sys::{proc, signal};

use super::site::Site;
use crate::support::stack::eventually;

const TWO: &str = "
[silo.control]
prefix = \"control\"
[silo.region]
prefix = \"region\"
[service.web]
command = [\"FAKE\", \"--print\", \"here I am\"]
ready = { delay = \"200ms\" }
";

fn pids(site: &Site) -> Vec<Pid> {
    let status = site.run(&["status", "--json"]).json();
    let stacks = status["stacks"].as_array().expect("a list").clone();
    let pid = |value: &serde_json::Value| Pid(i32::try_from(value.as_i64().expect("a pid")).expect("it is small"));
    let all = stacks.iter().flat_map(|stack| {
        let of = stack["processes"].as_array().expect("a list").iter();
        of.filter(|process| !process["pid"].is_null()).map(|process| pid(&process["pid"])).chain([pid(&stack["pid"])])
    });
    all.collect()
}

#[test]
fn detach_returns_when_all_is_ready_and_down_really_stops() {
    let site = Site::new(TWO);
    let said = site.run(&["-d", "--silo=control"]);
    assert_eq!(said.code, 0, "{said:?}");
    assert!(said.stdout.contains("control is up in the background (pid "), "{said:?}");
    assert!(said.stdout.contains("1 of 1 ready") && said.stdout.contains("devserver down"), "{said:?}");
    assert_eq!(site.process("control.web")["phase"], "ready", "it is ready when it returns");
    let second = site.run(&["--detach", "--silo=region"]);
    assert_eq!(second.code, 0, "{second:?}");
    let both = site.run(&["ps"]);
    assert!(both.stdout.contains("control.web") && both.stdout.contains("region.web"), "{both:?}");
    let again = site.run(&["-d", "--silo=region"]);
    assert_eq!(again.code, 8, "{again:?}");
    let reach = "silo `region` is already running here: pid ";
    assert!(
        again.stderr.contains(reach) && again.stderr.contains("devserver logs -f"),
        "and how to reach it: {again:?}"
    );
    let lines = site.run(&["logs", "region.web"]);
    assert!(lines.stdout.contains("here I am"), "{lines:?}");
    let pids = pids(&site);
    assert_eq!(pids.len(), 4);
    assert_eq!(site.run(&["down"]).code, 0);
    assert_eq!(site.run(&["ps"]).code, 7);
    eventually("all of it is gone", || {
        pids.iter().all(|pid| proc::stat(*pid).is_none_or(|stat| stat.state == 'Z')).then_some(())
    });
}

#[test]
fn a_start_that_fails_says_so_with_the_last_lines_and_what_came_up_stays() {
    let site = Site::new(
        "[service.web]\ncommand = [\"FAKE\"]\n[service.bad]\ncommand = [\"sh\", \"-c\", \"echo KeyError: DSN; exit 3\"]\n\
         restart = \"never\"\nready = { delay = \"20s\" }\n",
    );
    let said = site.run(&["-d"]);
    assert_eq!(said.code, 5, "{said:?}");
    assert!(said.stderr.contains("error: bad: it exited with 3\n  = KeyError: DSN\n"), "{said:?}");
    assert!(said.stdout.contains("1 of 2 ready"), "{said:?}");
    assert_eq!(site.run(&["ps"]).code, 0);
    assert_eq!(site.run(&["down"]).code, 0);
}

#[test]
fn a_start_that_leaves_nothing_or_is_refused_gives_its_exit_code() {
    let site = Site::new("[service.bad]\ncommand = [\"no-such-program\"]\n");
    let said = site.run(&["-d"]);
    assert_eq!(said.code, 4, "{said:?}");
    assert!(said.stderr.contains("no-such-program") && said.stderr.ends_with("Nothing was started.\n"), "{said:?}");
    let site = Site::new(
        "[service.bad]\ncommand = [\"sh\", \"-c\", \"echo KeyError: DSN; exit 3\"]\nrestart = \"never\"\n\
         ready = { delay = \"20s\" }\n",
    );
    let said = site.run(&["-d"]);
    assert_eq!(said.code, 5, "{said:?}");
    // Told by the stack, or from its journal where it was gone before it could be asked.
    let all = format!("{}{}", said.stdout, said.stderr);
    assert!(all.contains("it exited with 3") && all.contains("KeyError: DSN"), "{said:?}");
    eventually("it has ended", || (site.run(&["ps"]).code == 7).then_some(()));
}

#[test]
fn a_hang_up_of_its_old_terminal_does_not_reach_it_and_a_term_stops_it() {
    let site = Site::new(TWO);
    assert_eq!(site.run(&["-d", "--silo=region"]).code, 0);
    let all = pids(&site);
    let supervisor = *all.last().expect("the supervisor");
    let stat = proc::stat(supervisor).expect("it is up");
    assert_eq!(stat.session, supervisor, "it has a session of its own");
    signal::send(supervisor, Signal::TERM).expect("it is ours");
    eventually("it has ended in order", || (site.run(&["ps"]).code == 7).then_some(()));
    assert!(all.iter().all(|pid| proc::stat(*pid).is_none_or(|stat| stat.state == 'Z') || *pid == supervisor));
}
