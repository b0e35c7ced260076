//! `db check`: what is wrong with the silos' databases, for people and for programs; and what a start says of them.

use super::apps::{TABLES, config, small};
use crate::support::Devserver;
use crate::support::postgres::cluster;

#[test]
fn databases_that_are_split_have_nothing_wrong_and_others_are_told_with_the_line_that_leads_past_them() {
    let Some(cluster) = cluster() else { return };
    let more = "settings = [\"settings.py\"]";
    small(cluster, "seen", more).args("db split").run().ends_with_code(0);
    let of = |args: &str| Devserver::of(&config(cluster, "seen", more)).file("tables.toml", TABLES).args(args);
    let said = of("db check").run();
    said.ends_with_code(0);
    assert!(said.stdout.ends_with("nothing is wrong\n"), "{}", said.stdout);

    cluster.ask("seen_control", "INSERT INTO django_migrations (app, name) VALUES ('app', '0003')");
    cluster.ask("seen_control", "UPDATE org_mapping SET region_name = '--monolith--' WHERE id < 3");
    let of = |args: &str| of(args).file("settings.py", "X = 1\nDATABASES = {}\n");
    let said = of("db check").run();
    said.ends_with_code(4);
    assert_eq!(
        said.stderr,
        "error: DATABASES is set in <folder>/settings.py, line 2: every silo would use what it says\n  \
         help: delete DATABASES from that file\n\n\
         error: silo `control`: 2 OrganizationMapping record(s) in `seen_control` are still in '--monolith--'\n  \
         help: devserver db split --reset\n\n\
         error: `seen_control` has the migration app.0003, and `seen_region` hasn't\n  \
         help: migrate silo `region`, or split again: devserver db split --reset\n"
    );
    let said = of("db check --json").run();
    said.ends_with_code(4);
    let json: serde_json::Value = serde_json::from_str(&said.stdout).expect("it is JSON");
    let kinds: Vec<&str> =
        json["findings"].as_array().expect("a list").iter().filter_map(|one| one["kind"].as_str()).collect();
    assert_eq!((json["ok"].as_bool(), kinds), (Some(false), vec!["override", "legacy-region", "migrations"]));
    assert_eq!(json["findings"][0]["line"], 2);
}

#[test]
fn a_silo_without_its_database_and_one_that_is_empty_are_told() {
    let Some(cluster) = cluster() else { return };
    cluster.make("lone_control", "");
    let said = Devserver::of(&config(cluster, "lone", "")).args("db check").run();
    said.ends_with_code(4);
    assert_eq!(
        said.stderr,
        "error: silo `control`: database `lone_control` is empty\n  help: devserver db split\n\n\
         error: silo `region`: there is no database `lone_region`\n  help: devserver db split\n"
    );
}

#[test]
fn a_start_says_what_is_wrong_with_the_database_of_a_service_that_uses_it_and_goes_on() {
    let Some(cluster) = cluster() else { return };
    let toml = config(cluster, "begun", "").replace(
        "command = [\"true\"]",
        "command = [\"true\"]\ndatabase = true\nrestart = \"never\"\nexit_on_end = true",
    );
    let said = Devserver::of(&toml).args("--silo=control --plain").run();
    said.ends_with_code(0);
    assert!(said.stdout.contains("there is no database `begun_control` at "), "{}", said.stdout);
}
