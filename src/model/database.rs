//! Where the databases of the silos are and how a monolith's is divided among them, resolved: what the planner
//! hands to the `database` room. Nothing in it is a template any more.

use std::path::PathBuf;

use serde::Serialize;

use super::name::SiloName;

/// `[database]`, resolved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Databases {
    /// Where the server is: `postgres://…`; empty where none is given. May hold a password.
    #[serde(skip)]
    pub url: String,
    /// The database that has everything.
    pub monolith: String,
    /// Each silo's database.
    pub silos: Vec<SiloDatabase>,
    /// The region that gets the rows where several silos are of one kind.
    pub region: String,
    /// The region's name that a monolith writes.
    pub legacy_region: String,
    /// Put before the programs of PostgreSQL: `docker exec -i postgres`.
    pub exec: Vec<String>,
    /// The command that prints as JSON which table is in which silo.
    pub ask: Vec<String>,
    /// The file that says it where the app can't be asked.
    pub tables: Option<PathBuf>,
    /// Columns that hold the region's name.
    pub mappings: Vec<RegionColumn>,
    /// The table of the migrations that were applied.
    pub migrations: String,
    /// Settings files of the app that could override where the databases are.
    pub settings: Vec<PathBuf>,
    /// The name that must not be set in them.
    pub overrides: String,
}

/// A silo's database.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SiloDatabase {
    /// The silo.
    pub silo: SiloName,
    /// The silo it extends, or itself.
    pub kind: SiloName,
    /// What its region is called: its `region` among its vars, else its own name.
    pub region: String,
    /// The database's name.
    pub database: String,
}

/// A column that holds the name of the region that something is in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RegionColumn {
    /// Its table.
    pub table: String,
    /// Its name.
    pub column: String,
    /// What a row of it is called: `OrganizationMapping`.
    pub record: String,
}
