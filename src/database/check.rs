//! `db check`: are the silos' databases there, split, migrated alike, and does nothing lead past them?

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crate::model::{Databases, SiloDatabase};

use super::build::leftovers;
use super::catalog::Name;
use super::error::DatabaseError;
use super::list::{Listed, databases, open, size};
use super::overrides::set_in;
use super::quote::{identifier, literal};
use super::server::Server;
use super::survey::READING;

/// Something that isn't as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// One word for programs: `missing`, `empty`, `not-split`, `migrations`, `legacy-region`, `override`.
    pub kind: &'static str,
    /// What.
    pub message: String,
    /// The file, and the line in it, where there is one.
    pub at: Option<(PathBuf, usize)>,
    /// What to do.
    pub hint: String,
}

/// A silo's database, as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// The silo.
    pub silo: String,
    /// Its database.
    pub database: String,
    /// How many tables it has; none where it isn't there.
    pub tables: Option<usize>,
    /// Its size in bytes.
    pub bytes: i64,
    /// How many migrations were applied.
    pub migrations: usize,
}

/// What was found.
#[derive(Debug, Clone, Default)]
pub struct Checked {
    /// Each silo's database.
    pub silos: Vec<Seen>,
    /// What isn't as it should be.
    pub findings: Vec<Finding>,
    /// What splits have left or kept: no trouble, but room.
    pub leftovers: Vec<String>,
}

/// What is in one database.
struct Inside {
    tables: BTreeSet<Name>,
    migrations: BTreeSet<(String, String)>,
}

/// Looks at the server and at the settings files.
///
/// # Errors
/// When the server can't be asked.
pub async fn check(server: &Server, wanted: &Databases) -> Result<Checked, DatabaseError> {
    let (client, _) = open(server).await?;
    let listed = databases(&client).await?;
    let mut checked = Checked { findings: overrides(wanted), ..Checked::default() };
    let mut insides: BTreeMap<&str, Inside> = BTreeMap::new();
    for silo in &wanted.silos {
        let there = listed.iter().find(|listed| listed.name == silo.database);
        if let Some(finding) = missing(silo, there) {
            checked.findings.push(finding);
        }
        let inside = match there {
            Some(_) => Some(look(server, wanted, silo, &mut checked.findings).await?),
            None => None,
        };
        checked.silos.push(Seen {
            silo: silo.silo.to_string(),
            database: silo.database.clone(),
            tables: inside.as_ref().map(|inside| inside.tables.len()),
            bytes: there.and_then(|there| there.bytes).unwrap_or_default(),
            migrations: inside.as_ref().map_or(0, |inside| inside.migrations.len()),
        });
        insides.extend(inside.map(|inside| (silo.database.as_str(), inside)));
    }
    compare(wanted, &insides, &mut checked.findings);
    let names: Vec<String> = wanted.silos.iter().map(|silo| silo.database.clone()).collect();
    let left = leftovers(&listed, &names);
    checked.leftovers =
        left.into_iter().map(|one| format!("{} ({})", one.name, size(one.bytes.unwrap_or_default()))).collect();
    Ok(checked)
}

/// The cheap part, for a start: whether these databases are there and anything is in them.
///
/// # Errors
/// When the server can't be asked.
pub async fn glance(server: &Server, names: &[String]) -> Result<Vec<String>, DatabaseError> {
    let (client, _) = open(server).await?;
    let listed = databases(&client).await?;
    let mut said = Vec::new();
    for name in names {
        if !listed.iter().any(|listed| listed.name == *name) {
            said.push(format!("there is no database `{name}` at {server}; `devserver db create` makes it"));
            continue;
        }
        let inside = server.connect(name, READING).await?;
        let any = "SELECT EXISTS (SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
                   WHERE c.relkind IN ('r', 'p') AND n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema')";
        if !inside.row("looking into the database", any, &[]).await?.get::<_, bool>(0) {
            said.push(format!("database `{name}` is empty; migrate it, or fill it with `devserver db split`"));
        }
    }
    Ok(said)
}

fn missing(silo: &SiloDatabase, there: Option<&Listed>) -> Option<Finding> {
    there.is_none().then(|| Finding {
        kind: "missing",
        message: format!("silo `{}`: there is no database `{}`", silo.silo, silo.database),
        at: None,
        hint: "devserver db split".into(),
    })
}

async fn look(
    server: &Server,
    wanted: &Databases,
    silo: &SiloDatabase,
    findings: &mut Vec<Finding>,
) -> Result<Inside, DatabaseError> {
    let doing = format!("looking into {}", silo.database);
    let client = server.connect(&silo.database, READING).await?;
    let sql = "SELECT n.nspname::text, c.relname::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
               WHERE c.relkind IN ('r', 'p') AND n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema'";
    let rows = client.rows(&doing, sql, &[]).await?;
    let tables: BTreeSet<Name> = rows.iter().map(|row| Name { schema: row.get(0), name: row.get(1) }).collect();
    let mut migrations = BTreeSet::new();
    let called = |name: &str| tables.iter().find(|table| table.to_string() == name);
    if tables.is_empty() {
        findings.push(Finding {
            kind: "empty",
            message: format!("silo `{}`: database `{}` is empty", silo.silo, silo.database),
            at: None,
            hint: "devserver db split".into(),
        });
    }
    if let Some(table) = called(&wanted.migrations) {
        let sql = format!("SELECT app::text, name::text FROM {}", table.sql());
        let rows = client.rows(&doing, &sql, &[]).await?;
        migrations = rows.iter().map(|row| (row.get(0), row.get(1))).collect();
    }
    for mapping in &wanted.mappings {
        let Some(table) = called(&mapping.table) else { continue };
        let column = identifier(&mapping.column);
        let sql = format!("SELECT count(*) FROM {} WHERE {column} = {}", table.sql(), literal(&wanted.legacy_region));
        let left: i64 = client.row(&doing, &sql, &[]).await?.get(0);
        if left > 0 {
            findings.push(Finding {
                kind: "legacy-region",
                message: format!(
                    "silo `{}`: {left} {} record(s) in `{}` are still in '{}'",
                    silo.silo, mapping.record, silo.database, wanted.legacy_region
                ),
                at: None,
                hint: "devserver db split --reset".into(),
            });
        }
    }
    Ok(Inside { tables, migrations })
}

/// Silos of two kinds with the same tables, and migrations that one has and another hasn't.
fn compare(wanted: &Databases, insides: &BTreeMap<&str, Inside>, findings: &mut Vec<Finding>) {
    let pairs =
        wanted.silos.iter().enumerate().flat_map(|(at, one)| wanted.silos[at + 1..].iter().map(move |two| (one, two)));
    for (one, two) in pairs {
        let (Some(first), Some(second)) = (insides.get(one.database.as_str()), insides.get(two.database.as_str()))
        else {
            continue;
        };
        if one.kind != two.kind && first.tables == second.tables && first.tables.len() > 1 {
            findings.push(Finding {
                kind: "not-split",
                message: format!(
                    "`{}` and `{}` have the same {} tables: they aren't split",
                    one.database,
                    two.database,
                    first.tables.len()
                ),
                at: None,
                hint: "devserver db split --reset".into(),
            });
        }
        if first.tables.is_empty() || second.tables.is_empty() {
            continue;
        }
        for (has, lacks, mine, theirs) in [(one, two, first, second), (two, one, second, first)] {
            let more: Vec<String> =
                mine.migrations.difference(&theirs.migrations).map(|(app, name)| format!("{app}.{name}")).collect();
            let Some(first) = more.first() else { continue };
            let rest = if more.len() > 1 { format!(" and {} more", more.len() - 1) } else { String::new() };
            findings.push(Finding {
                kind: "migrations",
                message: format!("`{}` has the migration {first}{rest}, and `{}` hasn't", has.database, lacks.database),
                at: None,
                hint: format!("migrate silo `{}`, or split again: devserver db split --reset", lacks.silo),
            });
        }
    }
}

/// Settings files that set what must be left to the silos.
fn overrides(wanted: &Databases) -> Vec<Finding> {
    let found = |file: &Path| {
        let text = std::fs::read_to_string(file).ok()?;
        let line = set_in(&text, &wanted.overrides)?;
        Some(Finding {
            kind: "override",
            message: format!(
                "{} is set in {}, line {line}: every silo would use what it says",
                wanted.overrides,
                file.display()
            ),
            at: Some((file.to_path_buf(), line)),
            hint: format!("delete {} from that file", wanted.overrides),
        })
    };
    wanted.settings.iter().filter_map(|file| found(file)).collect()
}
