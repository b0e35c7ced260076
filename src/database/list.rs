//! The databases of a server: which are there, how big, whose, and which of them are ours.

use super::error::DatabaseError;
use super::server::Server;
use super::session::Client;

/// Begins the comment of every database that we make or rename: the proof that we may drop it.
pub const MARK: &str = "devserver split ";

/// A database of the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Its number: what tells two spellings of a name apart.
    pub oid: u32,
    /// Its name.
    pub name: String,
    /// How big it is, in bytes; none where we may not look.
    pub bytes: Option<i64>,
    /// Its comment.
    pub comment: Option<String>,
    /// Whether it takes connections.
    pub connectable: bool,
}

impl Listed {
    /// Whether it was made or renamed by a split.
    pub fn is_marked(&self) -> bool {
        self.comment.as_deref().is_some_and(|comment| comment.starts_with(MARK))
    }
}

/// What a server says of itself.
#[derive(Debug, Clone)]
pub struct About {
    /// Its version as a number: 150018.
    pub version: i32,
    /// Its version as people write it: 15.18.
    pub version_text: String,
    /// The number that no other cluster has.
    pub system: String,
    /// Where its data is, if we may know.
    pub folder: Option<String>,
}

impl About {
    /// 15 of 15.18.
    pub const fn major(&self) -> u32 {
        (self.version / 10_000).unsigned_abs()
    }
}

/// Connects to the database that is always there, and makes sure that the server isn't a remote one in disguise.
///
/// # Errors
/// When nobody answers, or it is one.
pub async fn open(server: &Server) -> Result<(Client, About), DatabaseError> {
    let client = match server.connect("postgres", "").await {
        // Dropped by somebody; the other one is always there.
        Err(DatabaseError::NoDatabase { .. }) => server.connect("template1", "").await?,
        connected => connected?,
    };
    let doing = "asking the server what it is";
    let sql = "SELECT current_setting('server_version_num')::int, current_setting('server_version'), \
               pg_is_in_recovery(), \
               (SELECT string_agg(rolname, ', ') FROM pg_roles WHERE rolname IN \
                ('rds_superuser', 'rdsadmin', 'cloudsqlsuperuser', 'azure_pg_admin', 'alloydbsuperuser'))";
    let row = client.row(doing, sql, &[]).await?;
    let version_text: String = row.get(1);
    if let Some(role) = row.get::<_, Option<String>>(3) {
        let why = format!("{server} has the role {role}, as only a cloud's servers have: is it a tunnel?");
        return Err(DatabaseError::NotLocal { why });
    }
    if row.get(2) {
        let why = format!("{server} is a replica of another server");
        return Err(DatabaseError::NotLocal { why });
    }
    // Both need rights that a developer's role may not have.
    let system = client.rows(doing, "SELECT system_identifier::text FROM pg_control_system()", &[]).await;
    let folder = client.rows(doing, "SELECT setting FROM pg_settings WHERE name = 'data_directory'", &[]).await?;
    let about = About {
        version: row.get(0),
        version_text: version_text.split_whitespace().next().unwrap_or_default().to_owned(),
        system: system.ok().and_then(|rows| rows.first().map(|row| row.get(0))).unwrap_or_default(),
        folder: folder.first().map(|row| row.get(0)),
    };
    Ok((client, about))
}

/// Every database of the server but its templates.
///
/// # Errors
/// When the server refuses.
pub async fn databases(client: &Client) -> Result<Vec<Listed>, DatabaseError> {
    let sql = "SELECT oid, datname::text, CASE WHEN has_database_privilege(oid, 'CONNECT') THEN pg_database_size(oid) END, \
               shobj_description(oid, 'pg_database'), datallowconn \
               FROM pg_database WHERE NOT datistemplate ORDER BY datname";
    let rows = client.rows("listing the databases", sql, &[]).await?;
    let listed = |row: &tokio_postgres::Row| Listed {
        oid: row.get(0),
        name: row.get(1),
        bytes: row.get(2),
        comment: row.get(3),
        connectable: row.get(4),
    };
    Ok(rows.iter().map(listed).collect())
}

/// The database of this name, or the error that names those like it.
///
/// # Errors
/// When there is none.
pub fn find<'l>(listed: &'l [Listed], name: &str, server: &Server) -> Result<&'l Listed, DatabaseError> {
    listed.iter().find(|database| database.name == name).ok_or_else(|| {
        let near = listed.iter().map(|database| &database.name).filter(|other| {
            let (one, two) = (other.to_lowercase(), name.to_lowercase());
            strsim::damerau_levenshtein(&one, &two) <= 2 || one.contains(&two) || (two.contains(&one) && one.len() > 2)
        });
        DatabaseError::NoDatabase {
            name: name.to_owned(),
            server: server.to_string(),
            near: near.take(3).cloned().collect(),
        }
    })
}

/// A size as people write it.
pub fn size(bytes: i64) -> String {
    let of = |unit: i64, name: &str| format!("{:.1} {name}", bytes as f64 / unit as f64);
    const MEGA: i64 = 1 << 20;
    const GIGA: i64 = 1 << 30;
    if bytes < 1024 {
        format!("{bytes} B")
    } else if bytes < MEGA {
        format!("{} kB", bytes >> 10)
    } else if bytes < GIGA {
        of(MEGA, "MB")
    } else {
        of(GIGA, "GB")
    }
}
