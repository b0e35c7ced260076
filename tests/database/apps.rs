//! Applications to split: small ones, and one with every table of `templates/silo-tables.toml`.

use crate::support::Devserver;
use crate::support::postgres::Cluster;

/// A configuration whose databases begin with this name.
pub(super) fn config(cluster: &Cluster, name: &str, more: &str) -> String {
    format!(
        "[silo.monolith]\nexclusive = true\n[silo.control]\n[silo.region]\nvars = {{ region = \"us\" }}\n\
         [service.a]\ncommand = [\"true\"]\n[database]\nurl = \"{}\"\nmonolith = \"{name}\"\ntables = \"tables.toml\"\n\
         silos = {{ control = \"{name}_control\", region = \"{name}_region\" }}\n{more}\n\
         [[database.mappings]]\ntable = \"org_mapping\"\ncolumn = \"region_name\"\nrecord = \"OrganizationMapping\"\n",
        cluster.url()
    )
}

/// Which table is where, in the small app.
pub(super) const TABLES: &str = r#"
[tables]
control = ["users", "org_mapping"]
region = ["project", "event", "event_*"]
[base]
both = ["django_migrations"]
[functions]
region = ["next_number"]
"#;

/// A small app with one of everything.
pub(super) const SCHEMA: &str = r#"
CREATE EXTENSION citext;
CREATE TYPE level AS ENUM ('info', 'error');
CREATE DOMAIN slug AS text CHECK (VALUE ~ '^[a-z-]+$');
CREATE TABLE django_migrations (id serial PRIMARY KEY, app text NOT NULL, name text NOT NULL);
CREATE TABLE users (id bigserial PRIMARY KEY, email citext UNIQUE NOT NULL, name text);
CREATE TABLE org_mapping (id serial PRIMARY KEY, user_id bigint REFERENCES users DEFERRABLE INITIALLY DEFERRED,
                          region_name varchar(48) NOT NULL, slug slug);
CREATE INDEX org_mapping_region ON org_mapping (region_name);
CREATE TABLE project (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text, levels level[] DEFAULT '{info}',
                      upper text GENERATED ALWAYS AS (upper(name)) STORED);
CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.note := coalesce(NEW.note, '; touched'); RETURN NEW; END $$;
CREATE TABLE event (id bigserial, project_id int REFERENCES project, at date NOT NULL, level level, note text,
                    PRIMARY KEY (id, at)) PARTITION BY RANGE (at);
CREATE TABLE event_2023 PARTITION OF event FOR VALUES FROM ('2023-01-01') TO ('2024-01-01');
CREATE TABLE event_2024 PARTITION OF event FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
CREATE INDEX event_level ON event (level) WHERE level = 'error';
CREATE TRIGGER touch BEFORE INSERT ON event FOR EACH ROW EXECUTE FUNCTION touch();
CREATE FUNCTION next_number(project int) RETURNS int LANGUAGE sql AS $$ SELECT project + 1 $$;
CREATE FUNCTION nobody() RETURNS int LANGUAGE sql AS $$ SELECT 1 $$;
CREATE VIEW errors AS SELECT * FROM event WHERE level = 'error';
CREATE VIEW mails AS SELECT email FROM users;
CREATE TABLE leftover (id int);
INSERT INTO django_migrations (app, name) VALUES ('app', '0001'), ('app', '0002');
INSERT INTO users (email, name) SELECT 'User' || i || '@example.org', E'tab\there, \\ and "quotes"' FROM generate_series(1, 50) i;
INSERT INTO org_mapping (user_id, region_name, slug) SELECT i, CASE WHEN i <= 8 THEN '--monolith--' ELSE 'de' END, 'a-b' FROM generate_series(1, 20) i;
INSERT INTO project (name, levels) SELECT 'p' || i, '{info,error}' FROM generate_series(1, 10) i;
INSERT INTO event (project_id, at, level) SELECT i % 10 + 1, date '2023-06-01' + i, CASE WHEN i % 3 = 0 THEN 'error' ELSE 'info' END::level FROM generate_series(1, 400) i;
SELECT setval('users_id_seq', 777);
"#;

/// The small app in a database of this name, and the folder of its configuration.
pub(super) fn small(cluster: &Cluster, name: &str, more: &str) -> Devserver {
    cluster.make(name, SCHEMA);
    Devserver::of(&config(cluster, name, more)).file("tables.toml", TABLES)
}

/// Statements that make every table of `templates/silo-tables.toml`, with as many foreign keys as the real ones have,
/// and with what Sentry's have besides: an extension, a function, a table that nobody claims.
pub(super) fn sentry() -> String {
    let text = include_str!("../../templates/silo-tables.toml");
    let file: toml::Table = text.parse().expect("it is TOML");
    let list = |section: &str, silo: &str| -> Vec<String> {
        let names = file[section][silo].as_array().expect("it is a list");
        names.iter().map(|name| name.as_str().expect("it is a name").to_owned()).collect()
    };
    let (mut control, region) = (list("tables", "control"), list("tables", "region"));
    // Those of the base lists that Sentry 23.7.1 has.
    control.extend(
        ["auth_group", "auth_group_permissions", "auth_permission", "django_session", "django_site"].map(str::to_owned),
    );
    let mut sql = vec![
        "CREATE EXTENSION citext".to_owned(),
        "CREATE TABLE django_migrations (id serial PRIMARY KEY, app text NOT NULL, name text NOT NULL)".into(),
        "CREATE TABLE django_content_type (id serial PRIMARY KEY, model text)".into(),
        "CREATE TABLE sentry_scheduledjob (id serial PRIMARY KEY)".into(),
        "CREATE FUNCTION sentry_increment_project_counter(project bigint, delta int) RETURNS int LANGUAGE plpgsql AS $$ BEGIN RETURN delta; END $$".into(),
        "INSERT INTO django_migrations (app, name) VALUES ('sentry', '0001')".into(),
    ];
    for table in control.iter().chain(&region) {
        let more = match table.as_str() {
            "sentry_email" => ", email citext",
            "sentry_organizationmapping" => ", region_name varchar(48) NOT NULL",
            _ => "",
        };
        sql.push(format!("CREATE TABLE {table} (id bigserial PRIMARY KEY, other_id bigint, name varchar(200){more})"));
        let (column, value) =
            if more.contains("region_name") { (", region_name", ", '--monolith--'") } else { ("", "") };
        sql.push(format!("INSERT INTO {table} (name{column}) SELECT 'row ' || i{value} FROM generate_series(1, 8) i"));
    }
    for (tables, keys) in [(&control, 49), (&region, 157)] {
        for key in 0..keys {
            let (from, to) = (&tables[key % tables.len()], &tables[(key * 7 + 3) % tables.len()]);
            sql.push(format!(
                "ALTER TABLE {from} ADD CONSTRAINT {from}_fk_{key} FOREIGN KEY (other_id) REFERENCES {to} (id) DEFERRABLE INITIALLY DEFERRED"
            ));
        }
    }
    sql.join(";\n") + ";\n"
}
