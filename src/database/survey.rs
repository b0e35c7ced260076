//! Everything that is looked at before a split changes anything, and everything that speaks against it, at once.

use std::collections::BTreeMap;
use std::path::Path;

use crate::model::{RegionColumn, SiloDatabase};
use crate::sys::disk;

use super::assignment::{Assignment, Kinds};
use super::build::Old;
use super::catalog::{Catalog, Name, Position, positions};
use super::division::{Crossing, Division};
use super::error::{DatabaseError, Errors, Session};
use super::list::{About, Listed, databases, find, size};
use super::portrait::Portrait;
use super::quote::{identifier, literal};
use super::server::Server;
use super::session::{Client, sessions};

/// A session that can only read, under one snapshot.
pub const READING: &str = "-c default_transaction_read_only=on -c statement_timeout=0 -c lock_timeout=10s \
                           -c idle_in_transaction_session_timeout=0 -c row_security=off";

/// A silo's database that is to be.
#[derive(Debug, Clone)]
pub struct Target {
    /// The silo's, as configured.
    pub silo: SiloDatabase,
    /// Whether it gets the rows: of several silos of a kind one does.
    pub with_rows: bool,
    /// What has its name now.
    pub old: Option<Old>,
}

/// What is asked for.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// The database that has everything.
    pub source: String,
    /// The silos' databases.
    pub silos: Vec<SiloDatabase>,
    /// The region that gets the rows; whether the user named it.
    pub region: (String, bool),
    /// The region's name that a monolith writes.
    pub legacy_region: String,
    /// Columns that hold the region's name.
    pub mappings: Vec<RegionColumn>,
    /// Whether what is there is replaced.
    pub reset: bool,
    /// Which table is in which silo.
    pub assignment: Assignment,
}

impl Wanted {
    /// The kinds of silo that there are.
    pub fn kinds(&self) -> Kinds {
        self.silos.iter().map(|silo| silo.kind.to_string()).collect()
    }
}

/// What was found.
#[derive(Debug)]
pub struct Survey {
    /// The source.
    pub source: Listed,
    /// Who is connected to it.
    pub guests: Vec<Session>,
    /// Whether we may have it cloned: the server asks for its owner.
    pub may_clone: bool,
    /// What is in it.
    pub catalog: Catalog,
    /// What goes where.
    pub division: Division,
    /// Foreign keys between silos.
    pub crossings: Vec<Crossing>,
    /// How it looks.
    pub portrait: Portrait,
    /// Where its sequences are.
    pub positions: BTreeMap<Name, Position>,
    /// The databases that are to be.
    pub targets: Vec<Target>,
    /// How many rows have the old name of the region, by mapping.
    pub mapped: Vec<(RegionColumn, i64)>,
    /// The region's new name.
    pub region: String,
}

/// Names that can't be, and databases of one name.
pub fn names(source: &str, silos: &[SiloDatabase]) -> Vec<DatabaseError> {
    let whose = |silo: &SiloDatabase| format!("the database of silo `{}`", silo.silo);
    let mut wrong = Vec::new();
    if let Some(why) = super::quote::refused(source) {
        wrong.push(DatabaseError::BadName { whose: "the monolith's database".into(), name: source.into(), why });
    }
    for (index, silo) in silos.iter().enumerate() {
        if let Some(why) = super::quote::refused(&silo.database) {
            wrong.push(DatabaseError::BadName { whose: whose(silo), name: silo.database.clone(), why });
        } else if silo.database == source {
            wrong.push(DatabaseError::SourceIsTarget { name: source.to_owned(), silo: silo.silo.to_string() });
        }
        if let Some(first) = silos[..index].iter().find(|other| other.database == silo.database) {
            wrong.push(DatabaseError::SameName {
                first: format!("silo `{}`", first.silo),
                second: format!("silo `{}`", silo.silo),
                name: silo.database.clone(),
            });
        }
    }
    wrong
}

/// Looks at the source and the targets. The session on the source is left as it is, under its snapshot.
///
/// # Errors
/// With everything that speaks against the split.
pub async fn survey(
    server: &Server,
    about: &About,
    client: &Client,
    wanted: &Wanted,
) -> Result<(Survey, Client), Errors> {
    let mut wrong = names(&wanted.source, &wanted.silos);
    let listed = databases(client).await?;
    let source = find(&listed, &wanted.source, server).cloned();
    let mut targets = match with_rows(wanted) {
        Ok(targets) => targets,
        Err(error) => {
            wrong.push(error);
            Vec::new()
        }
    };
    for target in &mut targets {
        let Some(there) = listed.iter().find(|database| database.name == target.silo.database) else { continue };
        if source.as_ref().is_ok_and(|source| source.oid == there.oid) {
            continue;
        }
        let (tables, bytes) = inside(server, &there.name).await?;
        target.old = Some(if tables == 0 { Old::Empty } else { Old::Filled });
        if tables > 0 && !wanted.reset {
            wrong.push(DatabaseError::NotEmpty {
                name: there.name.clone(),
                tables,
                size: size(bytes),
                source_name: wanted.source.clone(),
            });
            continue;
        }
        let sessions = sessions(client, &there.name).await?;
        if !sessions.is_empty() {
            wrong.push(DatabaseError::InUse { name: there.name.clone(), sessions });
        }
    }
    let rights = "SELECT rolsuper OR rolcreatedb, rolsuper FROM pg_roles WHERE rolname = current_user";
    let rights = client.row("looking what we may do", rights, &[]).await?;
    let no_right =
        |what: String| DatabaseError::NoRight { server: server.to_string(), user: server.user.clone(), what };
    if !rights.get::<_, bool>(0) {
        wrong.push(no_right("make databases".into()));
    }
    let source = match source {
        Ok(source) if wrong.is_empty() => source,
        Ok(_) => return Err(Errors(wrong)),
        Err(error) => {
            wrong.push(error);
            return Err(Errors(wrong));
        }
    };
    let guests = sessions(client, &source.name).await?;
    let owned = "SELECT pg_has_role(datdba, 'USAGE') FROM pg_database WHERE oid = $1";
    let may_clone = client.row("looking what we may do", owned, &[&source.oid]).await?.get(0);
    let reading = server.connect(&source.name, READING).await?;
    reading.run("reading the source", "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await?;
    let catalog = Catalog::read(&reading).await?;
    let division = Division::new(&catalog, &wanted.assignment).map_err(|disputed| {
        Errors(
            disputed
                .into_iter()
                .map(|disputed| DatabaseError::Other {
                    message: format!(
                        "`{}` is placed differently by the patterns `{}`",
                        disputed.name,
                        disputed.patterns.join("` and `")
                    ),
                })
                .collect(),
        )
    })?;
    if division.placed() == 0 {
        let tables = catalog.tables.len();
        return Err(DatabaseError::NothingAssigned { name: source.name, tables }.into());
    }
    let unreadable = "SELECT c.oid::regclass::text FROM pg_class c WHERE c.oid = ANY($1) AND NOT has_table_privilege(c.oid, 'SELECT')";
    let oids: Vec<u32> = catalog.tables.iter().map(|table| table.oid).collect();
    let unreadable = reading.rows("looking what we may read", unreadable, &[&oids]).await?;
    if let Some(first) = unreadable.first() {
        let first: String = first.get(0);
        let more =
            if unreadable.len() > 1 { format!(" and {} more tables", unreadable.len() - 1) } else { String::new() };
        return Err(no_right(format!("read {first}{more} of `{}`", source.name)).into());
    }
    // Nobody drops or alters a table while it is read.
    let tables: Vec<String> = catalog.tables.iter().map(|table| table.name.sql()).collect();
    for some in tables.chunks(200) {
        let sql = format!("LOCK TABLE {} IN ACCESS SHARE MODE", some.join(", "));
        reading.run(&format!("waiting for the tables of {}", source.name), &sql).await?;
    }
    let mut mapped = Vec::new();
    for mapping in &wanted.mappings {
        let Some(table) = catalog.tables.iter().find(|table| table.name.to_string() == mapping.table) else { continue };
        let sql = format!(
            "SELECT count(*) FROM {} WHERE {} = {}",
            table.name.sql(),
            identifier(&mapping.column),
            literal(&wanted.legacy_region)
        );
        mapped.push((mapping.clone(), reading.row("counting the mappings", &sql, &[]).await?.get(0)));
    }
    let region = targets.iter().find(|target| target.with_rows && shares_kind(&target.silo, wanted));
    let region = region.or_else(|| targets.iter().rfind(|target| target.with_rows));
    let survey = Survey {
        region: region.map(|target| target.silo.region.clone()).unwrap_or_default(),
        crossings: division.crossings(&catalog),
        portrait: Portrait::of(&reading).await?,
        positions: positions(
            &reading,
            &catalog.sequences.iter().map(|sequence| sequence.name.clone()).collect::<Vec<_>>(),
        )
        .await?,
        source,
        guests,
        may_clone,
        catalog,
        division,
        targets,
        mapped,
    };
    room(about, &survey, &wanted.kinds())?;
    Ok((survey, reading))
}

/// Whether it is the region that was asked for, by its own name or its region's.
fn is_called(silo: &SiloDatabase, region: &str) -> bool {
    silo.region == region || silo.silo.as_str() == region
}

fn shares_kind(silo: &SiloDatabase, wanted: &Wanted) -> bool {
    is_called(silo, &wanted.region.0)
}

/// Which of the silos get the rows: of each kind one.
fn with_rows(wanted: &Wanted) -> Result<Vec<Target>, DatabaseError> {
    let known = || wanted.silos.iter().map(|silo| silo.region.clone()).collect::<std::collections::BTreeSet<_>>();
    let no_region = || DatabaseError::NoRegion { name: wanted.region.0.clone(), known: known().into_iter().collect() };
    if wanted.region.1 && !wanted.silos.iter().any(|silo| is_called(silo, &wanted.region.0)) {
        return Err(no_region());
    }
    let target = |silo: &SiloDatabase| {
        let alike: Vec<&SiloDatabase> = wanted.silos.iter().filter(|other| other.kind == silo.kind).collect();
        let chosen = match alike.as_slice() {
            [one] => *one,
            several => several.iter().find(|other| is_called(other, &wanted.region.0)).ok_or_else(no_region)?,
        };
        Ok(Target { silo: silo.clone(), with_rows: chosen.silo == silo.silo, old: None })
    };
    wanted.silos.iter().map(target).collect()
}

/// How many tables a database has, and its size.
async fn inside(server: &Server, name: &str) -> Result<(i64, i64), DatabaseError> {
    let client = server.connect(name, READING).await?;
    let sql = "SELECT (SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
               WHERE c.relkind IN ('r', 'p', 'v', 'm', 'S', 'f') AND n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema'), \
               pg_database_size(current_database())";
    let row = client.row(&format!("looking into {name}"), sql, &[]).await?;
    Ok((row.get(0), row.get(1)))
}

/// Whether there is room for all of it. Not asked where we can't see the server's disk.
fn room(about: &About, survey: &Survey, kinds: &Kinds) -> Result<(), DatabaseError> {
    let Some(folder) = about.folder.as_deref().map(Path::new) else { return Ok(()) };
    let Some((folder, free)) = disk::free(folder) else { return Ok(()) };
    // A clone has everything before what isn't its own is taken out.
    let copies = i64::try_from(kinds.len()).unwrap_or(2);
    let needed = survey.source.bytes.unwrap_or_default().saturating_mul(copies);
    match u64::try_from(needed).unwrap_or_default() > free {
        false => Ok(()),
        true => Err(DatabaseError::NoRoom {
            needed: size(needed),
            free: size(i64::try_from(free).unwrap_or(i64::MAX)),
            folder,
        }),
    }
}
