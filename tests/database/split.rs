//! The split, by both strategies: what is in the silos' databases, and that the source is as it was.

use super::apps::{self, small};
use crate::support::Devserver;
use crate::support::postgres::{Cluster, cluster};

/// Everything that the small app must have become.
#[track_caller]
fn is_split(cluster: &Cluster, name: &str) {
    let (control, region) = (format!("{name}_control"), format!("{name}_region"));
    let tables = "SELECT string_agg(relname, ' ' ORDER BY relname) FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace \
                  WHERE nspname = 'public' AND relkind IN ('r', 'p', 'v')";
    assert_eq!(cluster.ask(&control, tables), "django_migrations mails org_mapping users");
    assert_eq!(cluster.ask(&region, tables), "django_migrations errors event event_2023 event_2024 project");
    let rows = |database: &str, table: &str| cluster.ask(database, &format!("SELECT count(*) FROM {table}"));
    assert_eq!((rows(&control, "users"), rows(&region, "event")), ("50".into(), "400".into()));
    assert_eq!((rows(&control, "django_migrations"), rows(&region, "django_migrations")), ("2".into(), "2".into()));
    let regions = "SELECT string_agg(DISTINCT region_name, ' ' ORDER BY region_name) FROM org_mapping";
    assert_eq!(cluster.ask(&control, regions), "de us");
    // Sequences, identities, generated columns, arrays of an enum, text with what COPY escapes.
    assert_eq!(cluster.ask(&control, "INSERT INTO users (email) VALUES ('x') RETURNING id"), "778");
    assert_eq!(
        cluster.ask(&region, "INSERT INTO project (name) VALUES ('q') RETURNING id, upper, levels"),
        "11|Q|{info}"
    );
    assert_eq!(cluster.ask(&region, "SELECT levels FROM project WHERE id = 3"), "{info,error}");
    assert_eq!(
        cluster.ask(&control, "SELECT DISTINCT name FROM users WHERE name IS NOT NULL"),
        "tab\there, \\ and \"quotes\""
    );
    // The trigger's function came with its table, the one that code calls by the file, and the one of nobody not at all.
    let functions = "SELECT string_agg(proname, ' ' ORDER BY proname) FROM pg_proc p JOIN pg_namespace n ON n.oid = pronamespace \
                     WHERE nspname = 'public' AND NOT EXISTS (SELECT FROM pg_depend WHERE objid = p.oid AND deptype = 'e')";
    assert_eq!(cluster.ask(&region, functions), "next_number touch");
    assert_eq!(cluster.ask(&control, functions), "");
    assert_eq!(
        cluster.ask(&region, "INSERT INTO event (project_id, at) VALUES (1, '2024-02-02') RETURNING note"),
        "; touched"
    );
    let types = "SELECT string_agg(typname, ' ' ORDER BY typname) FROM pg_type t JOIN pg_namespace n ON n.oid = typnamespace \
                 WHERE nspname = 'public' AND typtype IN ('e', 'd')";
    assert_eq!((cluster.ask(&control, types), cluster.ask(&region, types)), ("slug".into(), "level".into()));
    let keys = "SELECT count(*) FROM pg_constraint WHERE contype = 'f' AND conparentid = 0";
    assert_eq!((cluster.ask(&control, keys), cluster.ask(&region, keys)), ("1".into(), "1".into()));
    let case = "SELECT count(*) FROM users WHERE email = 'USER7@EXAMPLE.ORG'";
    assert_eq!(cluster.ask(&control, case), "1");
}

/// The lines without their figures of time and size.
fn shape(stdout: &str) -> Vec<String> {
    let row = |line: &str| {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words.as_slice() {
            [silo @ ("control" | "region" | "de"), name, tables, rows, keys, sequences, ..] => {
                format!("{silo} {name} {tables} {rows} {keys} {sequences}")
            }
            words => words.join(" "),
        }
    };
    stdout.lines().map(row).collect()
}

fn expected(name: &str) -> Vec<String> {
    [
        &format!(">> Dumping tables from {name} database"),
        &format!(">> Building {name}_control database from dump file"),
        &format!(">> Dumping tables from {name} database"),
        &format!(">> Building {name}_region database from dump file"),
        "> 8 OrganizationMapping record(s) have been updated from '--monolith--' to 'us'",
        "> In no silo, and left out: leftover",
        "",
        "silo database tables rows foreign keys sequences size seconds",
        &format!("control {name}_control 3 72 1 3"),
        &format!("region {name}_region 5 412 3 3"),
    ]
    .map(|line: &str| line.to_owned())
    .into()
}

#[test]
fn by_copy_every_silo_has_its_own_and_the_source_is_as_it_was() {
    let Some(cluster) = cluster() else { return };
    let project = small(cluster, "bycopy", "").args("db split --strategy=copy");
    let before = cluster.contents("bycopy");
    let said = project.run();
    said.ends_with_code(0);
    assert_eq!(shape(&said.stdout), expected("bycopy"));
    is_split(cluster, "bycopy");
    assert_eq!(cluster.contents("bycopy"), before);
    assert_eq!(cluster.databases("bycopy"), ["bycopy", "bycopy_control", "bycopy_region"]);
}

#[test]
fn by_clone_every_silo_has_its_own_and_the_source_is_as_it_was() {
    let Some(cluster) = cluster() else { return };
    let project = small(cluster, "byclone", "").args("db split --strategy=clone");
    let before = cluster.contents("byclone");
    let said = project.run();
    said.ends_with_code(0);
    assert_eq!(shape(&said.stdout), expected("byclone"));
    is_split(cluster, "byclone");
    assert_eq!(cluster.contents("byclone"), before);
    assert_eq!(cluster.databases("byclone"), ["byclone", "byclone_control", "byclone_region"]);
}

#[test]
fn with_reset_what_was_there_is_kept_until_it_is_cleaned() {
    let Some(cluster) = cluster() else { return };
    small(cluster, "again", "").args("db split").run().ends_with_code(0);
    cluster.ask("again_control", "CREATE TABLE precious (id int)");
    let of =
        |args: &str| Devserver::of(&apps::config(cluster, "again", "")).file("tables.toml", apps::TABLES).args(args);
    let said = of("db split --reset").run();
    said.ends_with_code(0);
    is_split(cluster, "again");
    let kept: Vec<String> = cluster.databases("again").into_iter().filter(|name| name.contains("__before_")).collect();
    let [control, region] = kept.as_slice() else { panic!("{kept:?}") };
    assert!(said.stdout.contains(&format!("> What was there before is kept as {control}\n")), "{}", said.stdout);
    assert_eq!(cluster.ask(control, "SELECT count(*) FROM precious"), "0");
    assert!(region.starts_with("again_region__before_20"), "{region}");
    let said = of("db clean --yes").run();
    said.ends_with_code(0);
    assert!(said.stdout.contains(&format!("dropped {control}\ndropped {region}\n")), "{}", said.stdout);
    assert_eq!(cluster.databases("again"), ["again", "again_control", "again_region"]);
    of("db clean").prints("nothing is left of any split\n");
}

#[test]
fn every_table_of_sentry_is_where_it_belongs() {
    let Some(cluster) = cluster() else { return };
    cluster.make("whole", &apps::sentry());
    let toml = apps::config(cluster, "whole", "").replace("\"org_mapping\"", "\"sentry_organizationmapping\"");
    let said = Devserver::of(&toml)
        .file("tables.toml", include_str!("../../templates/silo-tables.toml"))
        .args("db split")
        .run();
    said.ends_with_code(0);
    let shape = shape(&said.stdout);
    let unassigned = ["auth_permission", "auth_group", "django_content_type", "django_session", "django_site"];
    assert_eq!(shape[..5], unassigned.map(|table| format!("> Could not find silo assignment for {table}")));
    assert_eq!(shape[9], "> 8 OrganizationMapping record(s) have been updated from '--monolith--' to 'us'");
    assert_eq!(shape[10], "> In no silo, and left out: sentry_scheduledjob");
    let count = "SELECT (SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace WHERE nspname = 'public' AND relkind = 'r'), \
                 (SELECT count(*) FROM pg_constraint WHERE contype = 'f'), \
                 (SELECT count(*) FROM pg_proc WHERE proname = 'sentry_increment_project_counter')";
    assert_eq!(cluster.ask("whole_control", count), "58|49|0");
    assert_eq!(cluster.ask("whole_region", count), "153|157|1");
}

#[test]
fn of_several_regions_one_gets_the_rows_and_the_others_the_tables() {
    let Some(cluster) = cluster() else { return };
    let name = "regions3";
    cluster.make(name, apps::SCHEMA);
    let toml = apps::config(cluster, name, "")
        .replace("[service.a]", "[silo.de]\nextends = \"region\"\nvars = { region = \"de\" }\n[service.a]");
    let toml = toml.replace("region = \"regions3_region\"", "region = \"regions3_region\", de = \"regions3_de\"");
    for strategy in ["copy", "clone"] {
        let said = Devserver::of(&toml)
            .file("tables.toml", apps::TABLES)
            .args("db split --reset --region=de")
            .arg(format!("--strategy={strategy}"))
            .run();
        said.ends_with_code(0);
        let rows = |database: &str, table: &str| cluster.ask(database, &format!("SELECT count(*) FROM {table}"));
        assert_eq!((rows("regions3_de", "event"), rows("regions3_region", "event")), ("400".into(), "0".into()));
        assert_eq!(rows("regions3_region", "django_migrations"), "2");
        assert_eq!(cluster.ask("regions3_region", "INSERT INTO project (name) VALUES ('first') RETURNING id"), "1");
        assert_eq!(cluster.ask("regions3_control", "SELECT DISTINCT region_name FROM org_mapping"), "de");
        assert!(
            said.stdout.contains("8 OrganizationMapping record(s) have been updated from '--monolith--' to 'de'"),
            "{}",
            said.stdout
        );
    }
}

#[test]
fn a_foreign_key_between_silos_is_reported_and_left_out() {
    let Some(cluster) = cluster() else { return };
    for strategy in ["copy", "clone"] {
        let name = format!("crossing{strategy}");
        let project = small(cluster, &name, "").args("db split").arg(format!("--strategy={strategy}"));
        cluster.ask(&name, "ALTER TABLE project ADD owner bigint CONSTRAINT \"its owner\" REFERENCES users");
        let said = project.run();
        said.ends_with_code(0);
        assert_eq!(
            said.stdout.lines().next(),
            Some("> Foreign key its owner of project to users crosses silos; region is without it")
        );
        is_split(cluster, &name);
    }
}

#[test]
fn while_somebody_is_connected_to_the_source_it_is_copied_under_one_snapshot() {
    let Some(cluster) = cluster() else { return };
    let project = small(cluster, "busy", "").args("db split --verbose");
    // A writer that goes on all the while.
    let mut writer = cluster.program("psql");
    writer.args(["-X", "-q", "-U", "postgres", "-d", "busy", "-c"]);
    writer.arg("DO $$ BEGIN FOR i IN 1..100000 LOOP INSERT INTO users (email) VALUES ('w' || i); INSERT INTO project (name) VALUES ('w' || i); COMMIT; END LOOP; END $$");
    let mut writer = writer.spawn().expect("it comes with the server");
    let connected = "SELECT count(*) FROM pg_stat_activity WHERE datname = 'busy'";
    crate::support::stack::eventually("it writes", || (cluster.ask("postgres", connected) != "0").then_some(()));
    let said = project.run();
    writer.kill().expect("it is our child");
    writer.wait().expect("it is our child");
    said.ends_with_code(0);
    let written = |database: &str, sql: &str| cluster.ask(database, sql).parse::<i64>().expect("a number");
    let users = written("busy_control", "SELECT count(*) FROM users WHERE email LIKE 'w%'");
    let projects = written("busy_region", "SELECT count(*) FROM project WHERE name LIKE 'w%'");
    // Both were written in one transaction: of one moment, the two silos have the same number.
    assert_eq!(users, projects);
    let said = Devserver::of(&apps::config(cluster, "busy", ""))
        .file("tables.toml", apps::TABLES)
        .args("db split --reset --dry-run")
        .run();
    assert!(said.stdout.contains("nothing is changed (--dry-run)"), "{}", said.stdout);
}

#[test]
fn tables_schemas_and_constraints_of_the_strangest_names_are_split_as_any_other() {
    let Some(cluster) = cluster() else { return };
    let names = ["a\"b", "semi;colon", "dbname=x host=10.2.0.9", "-f", "naïve 漢字", "back\\slash'quote", "new\tline"];
    for strategy in ["copy", "clone"] {
        let name = format!("strange{strategy}");
        let quote = |name: &str| format!("\"{}\"", name.replace('"', "\"\""));
        let mut sql = String::from(
            "CREATE SCHEMA \"my \"\"schema\"; CREATE TABLE users (id int); CREATE TABLE org_mapping (region_name text);",
        );
        for table in names {
            let table = quote(table);
            sql += &format!(
                "CREATE TABLE \"my \"\"schema\".{table} ({table} serial PRIMARY KEY, {} int CONSTRAINT {table} REFERENCES \"my \"\"schema\".{table});",
                quote("ref;erence")
            );
            sql += &format!(
                "CREATE INDEX ON \"my \"\"schema\".{table} (\"ref;erence\"); INSERT INTO \"my \"\"schema\".{table} VALUES (1, 1);"
            );
        }
        cluster.make(&name, &sql);
        let tables = "[tables]\ncontrol = [\"users\", \"org_mapping\"]\nregion = [\"my \\\"schema.*\"]\n";
        let said = Devserver::of(&apps::config(cluster, &name, ""))
            .file("tables.toml", tables)
            .args("db split")
            .arg(format!("--strategy={strategy}"))
            .run();
        said.ends_with_code(0);
        let region = format!("{name}_region");
        for table in names {
            assert_eq!(cluster.ask(&region, &format!("SELECT count(*) FROM \"my \"\"schema\".{}", quote(table))), "1");
        }
        let keys = "SELECT count(*) FROM pg_constraint WHERE contype = 'f'";
        assert_eq!(cluster.ask(&region, keys), names.len().to_string());
    }
}
