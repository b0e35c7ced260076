//! What can go wrong with a database, and the fix for each.

use std::path::PathBuf;

/// How bad it is, for the exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// What was asked for makes no sense.
    Usage,
    /// The configuration.
    Config,
    /// Something that must be there isn't.
    Missing,
    /// Refused for safety.
    Refused,
    /// Something was found wrong, or failed.
    Failed,
}

/// Somebody who is connected to a database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// The server's process.
    pub pid: i32,
    /// What it calls itself; else its address.
    pub who: String,
}

impl std::fmt::Display for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} (pid {})", self.who, self.pid)
    }
}

/// A way in which it can go wrong.
#[derive(Debug, Clone, thiserror::Error)]
pub enum DatabaseError {
    /// No server is named.
    #[error("no database server is named: `url` under [database] is empty")]
    NoUrl,
    /// What should say where the server is doesn't.
    #[error("this isn't the address of a PostgreSQL server: {why}")]
    BadUrl {
        /// Why.
        why: String,
    },
    /// A server that isn't on this machine.
    #[error("refusing to touch a server that isn't on this machine: {why}")]
    NotLocal {
        /// How that is known.
        why: String,
    },
    /// A name that a database can't have.
    #[error("{whose} can't be called `{name}`: {why}")]
    BadName {
        /// The monolith's database, or the silo's.
        whose: String,
        /// The name.
        name: String,
        /// Why.
        why: String,
    },
    /// Two of the databases have one name.
    #[error("{first} and {second} have one database: `{name}`")]
    SameName {
        /// The one.
        first: String,
        /// The other.
        second: String,
        /// The database.
        name: String,
    },
    /// Nobody answers.
    #[error("no PostgreSQL server answers at {server}: {why}")]
    NoServer {
        /// Where.
        server: String,
        /// Why.
        why: String,
    },
    /// It doesn't let us in.
    #[error("the server at {server} doesn't let {user} in: {why}")]
    NotLetIn {
        /// Where.
        server: String,
        /// As whom.
        user: String,
        /// Its words.
        why: String,
    },
    /// We may not do it.
    #[error("{user} may not {what} at {server}")]
    NoRight {
        /// Where.
        server: String,
        /// As whom.
        user: String,
        /// What.
        what: String,
    },
    /// A database isn't there.
    #[error("there is no database `{name}` at {server}")]
    NoDatabase {
        /// Its name.
        name: String,
        /// Where.
        server: String,
        /// Names like it.
        near: Vec<String>,
    },
    /// The connection ended.
    #[error("the connection to {server} was lost: {why}")]
    Lost {
        /// Where.
        server: String,
        /// Why.
        why: String,
    },
    /// The server refused a statement.
    #[error("{doing}: the server says: {message}")]
    Sql {
        /// What was being done.
        doing: String,
        /// The server's words.
        message: String,
        /// Its code.
        code: String,
        /// More of its words.
        detail: Option<String>,
        /// The statement, where we can show it.
        statement: Option<String>,
    },
    /// A file system is full.
    #[error("{doing}: the disk of the server is full: {message}")]
    DiskFull {
        /// What was being done.
        doing: String,
        /// The server's words: they name the file.
        message: String,
    },
    /// It would become full.
    #[error("there isn't enough room for the split: it needs about {needed}, and {} has {free} free", folder.display())]
    NoRoom {
        /// About what is needed.
        needed: String,
        /// What is there.
        free: String,
        /// Where.
        folder: PathBuf,
    },
    /// A target that isn't empty.
    #[error("database `{name}` is not empty ({tables} tables, {size})")]
    NotEmpty {
        /// Its name.
        name: String,
        /// How many tables it has.
        tables: i64,
        /// How big it is.
        size: String,
        /// The source.
        source_name: String,
    },
    /// The source is one of its own targets.
    #[error("`{name}` would be split into itself")]
    SourceIsTarget {
        /// Its name.
        name: String,
        /// The silo whose database it is.
        silo: String,
    },
    /// Somebody is connected to what is to be replaced.
    #[error("database `{name}` is in use: {}", list(sessions))]
    InUse {
        /// Its name.
        name: String,
        /// By whom.
        sessions: Vec<Session>,
    },
    /// Somebody else splits.
    #[error("another devserver is at work on `{name}`{}", session.as_ref().map(|session| format!(": {session}")).unwrap_or_default())]
    Busy {
        /// The database.
        name: String,
        /// Who.
        session: Option<Session>,
    },
    /// A program of PostgreSQL isn't there.
    #[error("`{program}` isn't on this machine")]
    NoProgram {
        /// Which.
        program: String,
        /// The server's version.
        server: u32,
    },
    /// pg_dump is older than the server.
    #[error("{program} {version} cannot read a PostgreSQL {server} server")]
    TooOld {
        /// Which.
        program: String,
        /// Its version.
        version: String,
        /// The server's.
        server: String,
        /// Others that were found.
        found: Vec<String>,
    },
    /// A program failed.
    #[error("{program} failed: {why}")]
    Program {
        /// Which.
        program: String,
        /// Its words.
        why: String,
    },
    /// It reads another server than we.
    #[error("`{prefix}` reaches another server than {server}")]
    OtherServer {
        /// The prefix of the configuration.
        prefix: String,
        /// Where ours is.
        server: String,
    },
    /// The file that says which table is in which silo.
    #[error("{}: {why}", file.display())]
    Assignment {
        /// Which.
        file: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// Nobody says which table is in which silo.
    #[error("nobody says which table belongs to which silo{}", why.as_ref().map(|why| format!(": {why}")).unwrap_or_default())]
    NoAssignment {
        /// Why the app couldn't be asked.
        why: Option<String>,
    },
    /// None of the source's tables has a silo.
    #[error("none of the {tables} tables of `{name}` belongs to a silo")]
    NothingAssigned {
        /// The source.
        name: String,
        /// How many it has.
        tables: usize,
    },
    /// A region that isn't there.
    #[error("there is no region `{name}`")]
    NoRegion {
        /// As asked for.
        name: String,
        /// Those that are.
        known: Vec<String>,
    },
    /// Something that remains needs something that is left out.
    #[error("in `{database}` {what} can't be left out: {why}")]
    StillNeeded {
        /// The silo's database.
        database: String,
        /// What.
        what: String,
        /// The server's words.
        why: String,
    },
    /// The source changed while it was being cloned.
    #[error("`{name}` was written to while it was being cloned: {what}")]
    Changed {
        /// The source.
        name: String,
        /// What differs.
        what: String,
    },
    /// Clone was asked for, and somebody is connected.
    #[error("`{name}` can't be cloned while somebody is connected: {}", list(sessions))]
    NotAlone {
        /// The source.
        name: String,
        /// Who.
        sessions: Vec<Session>,
    },
    /// What was built isn't what it should be.
    #[error("what was built is not what it should be")]
    Unlike {
        /// Each difference.
        differences: Vec<String>,
    },
    /// The server has no database that one can connect to first.
    #[error("{message}")]
    Other {
        /// What.
        message: String,
    },
}

fn list(sessions: &[Session]) -> String {
    let named: Vec<String> = sessions.iter().take(5).map(Session::to_string).collect();
    match sessions.len() {
        ..=5 => named.join(", "),
        more => format!("{} and {} more", named.join(", "), more - 5),
    }
}

impl DatabaseError {
    /// How bad it is.
    pub const fn kind(&self) -> Kind {
        match self {
            Self::NoRegion { .. } => Kind::Usage,
            Self::NoUrl
            | Self::BadUrl { .. }
            | Self::BadName { .. }
            | Self::SameName { .. }
            | Self::Assignment { .. }
            | Self::NoAssignment { .. } => Kind::Config,
            Self::NoServer { .. }
            | Self::NotLetIn { .. }
            | Self::NoRight { .. }
            | Self::NoDatabase { .. }
            | Self::NoRoom { .. }
            | Self::NoProgram { .. }
            | Self::TooOld { .. }
            | Self::NothingAssigned { .. } => Kind::Missing,
            Self::NotLocal { .. }
            | Self::NotEmpty { .. }
            | Self::SourceIsTarget { .. }
            | Self::InUse { .. }
            | Self::NotAlone { .. }
            | Self::OtherServer { .. }
            | Self::Busy { .. } => Kind::Refused,
            Self::Lost { .. }
            | Self::Sql { .. }
            | Self::DiskFull { .. }
            | Self::Program { .. }
            | Self::StillNeeded { .. }
            | Self::Changed { .. }
            | Self::Unlike { .. }
            | Self::Other { .. } => Kind::Failed,
        }
    }

    /// The fix: a sentence, or a command where there is one.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::NoUrl => "give one with --url=postgres://USER@HOST:PORT, or set `url` under [database]".into(),
            Self::BadUrl { .. } => {
                "write it as postgres://USER@HOST:PORT, or postgres://USER@/?host=/run/postgresql for a socket".into()
            }
            Self::NotLocal { .. } => {
                "name a socket's folder, localhost, 127.0.0.1 or ::1; there is no flag for a remote one".into()
            }
            Self::BadName { .. } => "give it another name under [database]".into(),
            Self::SameName { .. } => "give each a name of its own under [database]".into(),
            Self::NoServer { .. } => "start it; or say where it is: --url=postgres://USER@HOST:PORT".into(),
            Self::NotLetIn { .. } => {
                "name the user in `url` under [database]; give its password in PGPASSWORD or ~/.pgpass".into()
            }
            Self::NoRight { user, .. } => format!("ALTER ROLE \"{user}\" CREATEDB; or name another user in `url`"),
            Self::NoDatabase { near, .. } => match near.as_slice() {
                [] => "make the databases with `devserver db create`".into(),
                near => {
                    format!("did you mean `{}`? Or make the databases with `devserver db create`", near.join("` or `"))
                }
            },
            Self::Lost { .. } => {
                "look into the server's log; once it is up again, `devserver db clean` removes what is left".into()
            }
            Self::Sql { .. } => return None,
            Self::DiskFull { .. } => "make room, then split again".into(),
            Self::NoRoom { .. } => "make room; `devserver db clean` removes what earlier splits have kept".into(),
            Self::NotEmpty { name, .. } => {
                format!("devserver db split --reset     keeps it as {name}__before_TIME, then builds a new one")
            }
            Self::SourceIsTarget { silo, .. } => format!(
                "give {silo} a database of its own under [database.silos], or name another source with --database"
            ),
            Self::InUse { .. } => "stop them, then split again".into(),
            Self::Busy { .. } => "wait for it to end".into(),
            Self::NoProgram { server, .. } => format!(
                "sudo apt-get install postgresql-client-{server}; or name its folder: --pg-bin=DIR; or, for a container, set `exec` under [database]"
            ),
            Self::TooOld { found, server, .. } => match found.first() {
                Some(folder) => format!("devserver db split --pg-bin={folder}"),
                None => format!(
                    "install the client programs of PostgreSQL {}, or name their folder: --pg-bin=DIR",
                    server.split('.').next().unwrap_or_default()
                ),
            },
            Self::Program { .. } => return None,
            Self::OtherServer { .. } => "let `exec` and `url` under [database] name one server".into(),
            Self::Assignment { .. } => "see `tables` in docs/config.md for what it may hold".into(),
            Self::NoAssignment { .. } => {
                "set `ask` under [database] (a command that prints it as JSON), or `tables` (a file)".into()
            }
            Self::NothingAssigned { .. } => "is it migrated, and is it this app's?".into(),
            Self::NoRegion { known, .. } => format!("regions are {}", known.join(", ")),
            Self::StillNeeded { .. } => "assign what needs it to the same silo".into(),
            Self::Changed { .. } | Self::NotAlone { .. } => "stop whoever uses it, or take --strategy=copy".into(),
            Self::Unlike { .. } => {
                "nothing was renamed; run it again with --verbose, and report it with what is said".into()
            }
            Self::Other { .. } => return None,
        })
    }

    /// Further facts, one a line.
    pub fn notes(&self) -> Vec<String> {
        match self {
            Self::Sql { code, detail, statement, .. } => {
                let first = |text: &String| {
                    text.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(160).collect::<String>()
                };
                let code = (!code.is_empty()).then(|| format!("SQLSTATE {code}"));
                detail.iter().cloned().chain(statement.as_ref().map(first)).chain(code).collect()
            }
            Self::NotEmpty { source_name, .. } => {
                vec![format!("nothing was changed; `{source_name}` (the source) is only ever read")]
            }
            Self::TooOld { found, .. } => found.iter().map(|folder| format!("also here: {folder}")).collect(),
            Self::Unlike { differences } => differences.clone(),
            _ => Vec::new(),
        }
    }
}

/// Everything that is wrong at once.
#[derive(Debug, Clone)]
pub struct Errors(pub Vec<DatabaseError>);

impl From<DatabaseError> for Errors {
    fn from(error: DatabaseError) -> Self {
        Self(vec![error])
    }
}
