//! pg_dump: where it is, whether it is new enough, and how it is run.
//!
//! It sees none of our `PG*` variables but those that we set, never gets a password on its command line, and a
//! name only inside a connection string that we have quoted. Its session can't write.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use super::catalog::Name;
use super::error::DatabaseError;
use super::list::About;
use super::quote::{conninfo, pattern};
use super::server::{Place, Server};

/// pg_dump, ready to be run against one server.
#[derive(Debug, Clone)]
pub struct Dumper {
    command: Vec<String>,
    is_elsewhere: bool,
    env: Vec<(String, String)>,
}

/// A program that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Candidate {
    file: PathBuf,
    version: Vec<u32>,
    text: String,
}

/// What is to be dumped.
#[derive(Debug, Clone, Copy)]
pub enum Section<'t> {
    /// Everything that must be there before rows are: of the whole database.
    Before,
    /// Everything that comes behind them: of these tables.
    Behind(&'t [Name]),
}

impl Dumper {
    /// Finds pg_dump: in the folder that was named, else on PATH and where systems put it; behind the prefix of the
    /// configuration where there is one.
    ///
    /// # Errors
    /// When there is none, it is older than the server, or it reaches another one.
    pub async fn find(
        server: &Server,
        about: &About,
        exec: &[String],
        folder: Option<&Path>,
        env: &BTreeMap<String, String>,
    ) -> Result<Self, DatabaseError> {
        // What a program needs to run, and nothing that moves a connection.
        let mut kept: Vec<(String, String)> =
            env.iter().filter(|(name, _)| !name.starts_with("PG")).map(|(k, v)| (k.clone(), v.clone())).collect();
        kept.push(("PGOPTIONS".into(), "-c default_transaction_read_only=on".into()));
        kept.push(("PGCONNECT_TIMEOUT".into(), "5".into()));
        kept.extend(server.password().map(|password| ("PGPASSWORD".to_owned(), password.to_owned())));
        if !exec.is_empty() {
            let dumper = Self {
                command: exec.iter().cloned().chain(["pg_dump".to_owned()]).collect(),
                is_elsewhere: true,
                env: kept,
            };
            dumper.is_the_same(server, about, exec).await?;
            let version = dumper.run(&["--version".into()]).await?;
            let found = Candidate { file: "pg_dump".into(), version: numbers(&version), text: version_of(&version) };
            return if found.major() >= about.major() { Ok(dumper) } else { Err(too_old(&found, about, &[])) };
        }
        let mut found: Vec<Candidate> = Vec::new();
        for file in candidates(folder, env) {
            let dumper = Self { command: vec![file.display().to_string()], is_elsewhere: false, env: kept.clone() };
            if let Ok(version) = dumper.run(&["--version".into()]).await {
                let candidate = Candidate { file, version: numbers(&version), text: version_of(&version) };
                if !found.iter().any(|other| other.file == candidate.file) {
                    found.push(candidate);
                }
            }
        }
        let Some(first) = found.first() else {
            let program =
                folder.map_or_else(|| "pg_dump".to_owned(), |folder| folder.join("pg_dump").display().to_string());
            return Err(DatabaseError::NoProgram { program, server: about.major() });
        };
        // The server's own version speaks just its language; a newer one nearly does.
        let usable = || found.iter().filter(|one| one.major() >= about.major());
        let best = usable().min_by_key(|one| one.major()).ok_or_else(|| too_old(first, about, &found))?;
        Ok(Self { command: vec![best.file.display().to_string()], is_elsewhere: false, env: kept })
    }

    /// The schema of a database, as a script.
    ///
    /// # Errors
    /// When it fails, with its own words.
    pub async fn schema(
        &self,
        server: &Server,
        database: &str,
        section: Section<'_>,
        snapshot: &str,
    ) -> Result<String, DatabaseError> {
        let mut values = vec![("dbname", database), ("user", server.user.as_str())];
        let port = server.port.to_string();
        let place = match &server.place {
            Place::Socket(folder) => folder.display().to_string(),
            Place::Loopback(address) => address.to_string(),
        };
        if !self.is_elsewhere {
            values.extend([("host", place.as_str()), ("port", port.as_str())]);
        }
        values.extend([("application_name", server.application.as_str())]);
        let mut arguments = vec!["-w".to_owned(), "--schema-only".into(), format!("--snapshot={snapshot}")];
        match section {
            Section::Before => arguments.push("--section=pre-data".into()),
            Section::Behind(tables) => {
                arguments.push("--section=post-data".into());
                arguments.extend(tables.iter().flat_map(|table| ["-t".into(), pattern(&table.schema, &table.name)]));
            }
        }
        arguments.extend(["-d".into(), conninfo(values)]);
        self.run(&arguments).await
    }

    /// A prefix that leads into a container must lead to the server that we are connected to.
    async fn is_the_same(&self, server: &Server, about: &About, exec: &[String]) -> Result<(), DatabaseError> {
        let psql = Self {
            command: exec.iter().cloned().chain(["psql".to_owned()]).collect(),
            is_elsewhere: true,
            env: self.env.clone(),
        };
        let database = conninfo([("dbname", "postgres"), ("user", server.user.as_str())]);
        let ask = "SELECT system_identifier FROM pg_control_system()".to_owned();
        let arguments = ["-w", "-X", "-A", "-t", "-q", "-d"].map(str::to_owned);
        let arguments: Vec<String> = arguments.into_iter().chain([database, "-c".into(), ask]).collect();
        let said = psql.run(&arguments).await?;
        match said.trim() == about.system && !about.system.is_empty() {
            true => Ok(()),
            false => Err(DatabaseError::OtherServer { prefix: exec.join(" "), server: server.to_string() }),
        }
    }

    async fn run(&self, arguments: &[String]) -> Result<String, DatabaseError> {
        let (program, before) =
            self.command.split_first().ok_or(DatabaseError::NoProgram { program: "pg_dump".into(), server: 0 })?;
        #[expect(clippy::disallowed_methods, reason = "it reads, and ends by itself when nobody reads from it")]
        let mut command = tokio::process::Command::new(program);
        command.args(before).args(arguments).env_clear().envs(self.env.iter().map(|(k, v)| (k, v)));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0).kill_on_drop(true);
        let called = Path::new(self.command.last().unwrap_or(program))
            .file_name()
            .map(|name| name.to_string_lossy().into_owned());
        let called = called.unwrap_or_else(|| program.clone());
        let failed = |why: String| DatabaseError::Program { program: called.clone(), why };
        let output = command.output().await.map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => DatabaseError::NoProgram { program: program.clone(), server: 0 },
            _ => failed(error.to_string()),
        })?;
        let said = String::from_utf8_lossy(&output.stderr);
        if !output.status.success() {
            let why: Vec<&str> = said.lines().map(str::trim).filter(|line| !line.is_empty()).take(3).collect();
            return Err(failed(if why.is_empty() { output.status.to_string() } else { why.join("; ") }));
        }
        String::from_utf8(output.stdout).map_err(|_| failed("it wrote what isn't UTF-8".into()))
    }
}

impl Candidate {
    fn major(&self) -> u32 {
        self.version.first().copied().unwrap_or_default()
    }
}

fn too_old(first: &Candidate, about: &About, found: &[Candidate]) -> DatabaseError {
    let good = found.iter().filter(|one| one.major() >= about.major());
    DatabaseError::TooOld {
        program: first.file.display().to_string(),
        version: first.text.clone(),
        server: about.version_text.clone(),
        found: good.filter_map(|one| Some(one.file.parent()?.display().to_string())).collect(),
    }
}

/// Where it may be, the likeliest first.
fn candidates(folder: Option<&Path>, env: &BTreeMap<String, String>) -> Vec<PathBuf> {
    if let Some(folder) = folder {
        return vec![folder.join("pg_dump")];
    }
    let path = env.get("PATH").map(|path| std::env::split_paths(path).collect::<Vec<_>>()).unwrap_or_default();
    let mut folders = path;
    let usual = [
        "/usr/lib/postgresql/*/bin",
        "/usr/pgsql-*/bin",
        "/opt/homebrew/opt/postgresql*/bin",
        "/usr/local/opt/postgresql*/bin",
        "/opt/homebrew/opt/libpq/bin",
    ];
    for pattern in usual {
        folders.extend(glob::glob(pattern).into_iter().flatten().filter_map(Result::ok));
    }
    let files = folders.into_iter().map(|folder| folder.join("pg_dump"));
    let mut files: Vec<PathBuf> = files.filter(|file| file.is_file()).collect();
    files.dedup();
    files
}

/// `15.18` of `pg_dump (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)`.
fn version_of(text: &str) -> String {
    text.split_whitespace().find(|word| word.starts_with(|c: char| c.is_ascii_digit())).unwrap_or_default().to_owned()
}

fn numbers(text: &str) -> Vec<u32> {
    let digits = |part: &str| part.chars().take_while(char::is_ascii_digit).collect::<String>().parse().ok();
    version_of(text).split('.').map_while(digits).collect()
}
