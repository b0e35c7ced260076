//! `[database]`: its keys, what they are read into, and the check of its templates.

use indexmap::IndexMap;

use crate::model::{RegionColumn, SiloName};

use super::check::unknown;
use super::decode::{silo_name, templates, text};
use super::error::{ConfigError, Problem};
use super::expr::Template;
use super::names::{Names, Place};
use super::schema::{Config, Reference};
use super::shape::{Keys, Map, Record, Shape, field, required};
use super::source::Origin;
use super::value::{Table, Value, get};

/// `[database]`.
#[derive(Debug, Clone)]
pub struct Database {
    /// Where the server is.
    pub url: Option<Template>,
    /// The database that has everything.
    pub monolith: Option<Template>,
    /// The silos' databases; one that isn't named here is called as its silo.
    pub silos: IndexMap<SiloName, (Template, Origin)>,
    /// The region that gets the rows.
    pub region: String,
    /// The region's name that a monolith writes.
    pub legacy_region: String,
    /// Put before the programs of PostgreSQL.
    pub exec: Vec<Template>,
    /// The command that says which table is in which silo.
    pub ask: Vec<Template>,
    /// The file that says it.
    pub tables: Option<String>,
    /// Columns that hold the region's name.
    pub mappings: Vec<RegionColumn>,
    /// The table of the migrations that were applied.
    pub migrations: String,
    /// Settings files of the app.
    pub settings: Vec<Template>,
    /// The name that must not be set in them.
    pub overrides: String,
    /// Where the table stands.
    pub origin: Origin,
}

/// Its keys.
pub(super) static DATABASE: Record = Record {
    noun: "the databases",
    fields: &[
        field("url", Shape::Template, "Where the server is: `postgres://USER@HOST:PORT`; `--url` overrides it."),
        field("monolith", Shape::Template, "The database that has everything; the project's name if not given."),
        field(
            "silos",
            Shape::Map(&Map { noun: "silo", keys: Keys::Names, of: Shape::Template }),
            "Each silo's database; one that isn't named here is called as its silo.",
        ),
        field("region", Shape::Text, "The region that gets the rows where several silos are of one kind."),
        field("legacy_region", Shape::Text, "The region's name that a monolith writes: `--monolith--` if not given."),
        field("exec", Shape::List(&Shape::Template), "Put before pg_dump and psql, for a server in a container."),
        field("ask", Shape::List(&Shape::Template), "A command that prints which table is in which silo, as JSON."),
        field("tables", Shape::Text, "The file that says it where the app can't be asked."),
        field("mappings", Shape::Blocks(&MAPPING), "Columns that hold the name of a region."),
        field("migrations", Shape::Text, "The table of applied migrations: `django_migrations` if not given."),
        field("settings", Shape::List(&Shape::Template), "Settings files of the app that could override DATABASES."),
        field("overrides", Shape::Text, "The name that must not be set in them: `DATABASES` if not given."),
    ],
};

static MAPPING: Record = Record {
    noun: "mapping",
    fields: &[
        required("table", Shape::Text, "Its table."),
        required("column", Shape::Text, "Its name."),
        field("record", Shape::Text, "What a row of it is called; the table's name if not given."),
    ],
};

/// Reads it.
pub(super) fn database(root: &Table) -> Option<Database> {
    let value = get(root, "database")?;
    let table = value.as_table()?;
    let template = |key: &str| {
        let value = get(table, key)?;
        Some(Template { text: value.as_str()?.to_owned(), origin: value.origin.clone() })
    };
    let silos = get(table, "silos").and_then(Value::as_table).into_iter().flatten().filter_map(|(name, entry)| {
        let template = Template { text: entry.value.as_str()?.to_owned(), origin: entry.value.origin.clone() };
        Some((silo_name(name)?, (template, entry.key.clone())))
    });
    let mapping = |table: &Table| {
        let name = text(table, "table")?;
        let record = text(table, "record").unwrap_or_else(|| name.clone());
        Some(RegionColumn { column: text(table, "column")?, table: name, record })
    };
    let mappings = get(table, "mappings").and_then(Value::as_array).unwrap_or_default();
    Some(Database {
        url: template("url"),
        monolith: template("monolith"),
        silos: silos.collect(),
        region: text(table, "region").unwrap_or_else(|| "us".into()),
        legacy_region: text(table, "legacy_region").unwrap_or_else(|| "--monolith--".into()),
        exec: templates(table, "exec"),
        ask: templates(table, "ask"),
        tables: text(table, "tables"),
        mappings: mappings.iter().filter_map(Value::as_table).filter_map(mapping).collect(),
        migrations: text(table, "migrations").unwrap_or_else(|| "django_migrations".into()),
        settings: templates(table, "settings"),
        overrides: text(table, "overrides").unwrap_or_else(|| "DATABASES".into()),
        origin: value.origin.clone(),
    })
}

/// The names in it: silos that are declared, templates that can be filled in.
pub(super) fn check(config: &Config, names: &Names<'_>, errors: &mut Vec<ConfigError>) {
    let Some(database) = &config.database else { return };
    for (name, (_, origin)) in &database.silos {
        match config.silos.get(name) {
            None => {
                let reference = Reference { name: name.clone(), origin: origin.clone() };
                let known = config.silos.keys().map(SiloName::as_str);
                errors.push(unknown("silo", &reference, "[database.silos] names", known));
            }
            Some(silo) if silo.exclusive => {
                let problem = Problem::Form {
                    key: format!("database.silos.{name}"),
                    value: name.to_string(),
                    why: "a silo that runs instead of the others is the monolith".into(),
                    fix: Some("name its database with `monolith` under [database]".into()),
                };
                errors.push(ConfigError::at(origin, problem));
            }
            Some(_) => {}
        }
    }
    let single = [&database.url, &database.monolith];
    let many = database.exec.iter().chain(&database.ask).chain(&database.settings);
    let silos = database.silos.values().map(|(template, _)| template);
    single.into_iter().flatten().chain(many).chain(silos).for_each(|template| {
        names.template(template, Place::Silo, errors);
    });
}
