//! One connection: a statement is either answered, or is an error with the server's own words.
//!
//! Every statement of this room goes through here, so that none is swallowed.

use tokio_postgres::error::SqlState;
use tokio_postgres::types::ToSql;
use tokio_postgres::{CopyInSink, CopyOutStream, Error, Row};

use super::error::{DatabaseError, Session};
use super::server::Server;

/// A connection. Dropped, it says goodbye once its statement is answered.
pub struct Client {
    inner: tokio_postgres::Client,
    server: String,
}

type Parameters<'p> = &'p [&'p (dyn ToSql + Sync)];

impl Client {
    pub(super) fn new(inner: tokio_postgres::Client, server: String) -> Self {
        Self { inner, server }
    }

    /// Runs statements that have no answer.
    ///
    /// # Errors
    /// When the server refuses one.
    pub async fn run(&self, doing: &str, sql: &str) -> Result<(), DatabaseError> {
        self.inner.batch_execute(sql).await.map_err(|error| self.failed(doing, &error, Some(sql)))
    }

    /// Runs a statement, and says whether it failed for this one reason.
    ///
    /// # Errors
    /// When it fails for another.
    pub async fn run_unless(&self, doing: &str, sql: &str, reason: &SqlState) -> Result<Option<String>, DatabaseError> {
        match self.inner.batch_execute(sql).await {
            Ok(()) => Ok(None),
            Err(error) if error.code() == Some(reason) => Ok(Some(words(&error))),
            Err(error) => Err(self.failed(doing, &error, Some(sql))),
        }
    }

    /// Asks for rows.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn rows(&self, doing: &str, sql: &str, parameters: Parameters<'_>) -> Result<Vec<Row>, DatabaseError> {
        self.inner.query(sql, parameters).await.map_err(|error| self.failed(doing, &error, Some(sql)))
    }

    /// Asks for one row.
    ///
    /// # Errors
    /// When the server refuses, or there isn't one.
    pub async fn row(&self, doing: &str, sql: &str, parameters: Parameters<'_>) -> Result<Row, DatabaseError> {
        self.inner.query_one(sql, parameters).await.map_err(|error| self.failed(doing, &error, Some(sql)))
    }

    /// Runs a statement; how many rows it changed.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn change(&self, doing: &str, sql: &str, parameters: Parameters<'_>) -> Result<u64, DatabaseError> {
        self.inner.execute(sql, parameters).await.map_err(|error| self.failed(doing, &error, Some(sql)))
    }

    /// Begins to read a table.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn copy_out(&self, doing: &str, sql: &str) -> Result<CopyOutStream, DatabaseError> {
        self.inner.copy_out(sql).await.map_err(|error| self.failed(doing, &error, Some(sql)))
    }

    /// Begins to fill a table.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn copy_in(&self, doing: &str, sql: &str) -> Result<CopyInSink<bytes::Bytes>, DatabaseError> {
        self.inner.copy_in(sql).await.map_err(|error| self.failed(doing, &error, Some(sql)))
    }

    /// The error of a stream of this connection.
    pub fn failed(&self, doing: &str, error: &Error, statement: Option<&str>) -> DatabaseError {
        let doing = doing.to_owned();
        let Some(db) = error.as_db_error() else {
            return DatabaseError::Lost { server: self.server.clone(), why: words(error) };
        };
        match *db.code() {
            SqlState::DISK_FULL => DatabaseError::DiskFull { doing, message: db.message().to_owned() },
            SqlState::ADMIN_SHUTDOWN | SqlState::CRASH_SHUTDOWN => {
                DatabaseError::Lost { server: self.server.clone(), why: db.message().to_owned() }
            }
            _ => DatabaseError::Sql {
                doing,
                message: db.message().to_owned(),
                code: db.code().code().to_owned(),
                detail: db.detail().map(str::to_owned),
                statement: statement.map(str::to_owned),
            },
        }
    }
}

/// The server's words, or else the chain of causes.
fn words(error: &Error) -> String {
    if let Some(db) = error.as_db_error() {
        return db.detail().map_or_else(
            || db.message().to_owned(),
            |detail| format!("{}: {}", db.message(), detail.lines().next().unwrap_or_default()),
        );
    }
    let mut said = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        said = error.to_string();
        cause = error.source();
    }
    said.split(" (os error").next().unwrap_or_default().to_owned()
}

/// Why a connection wasn't made.
pub fn failed_to_connect(error: &Error, server: &Server, database: &str) -> DatabaseError {
    let why = words(error);
    let at = server.to_string();
    match error.code() {
        Some(code) if *code == SqlState::UNDEFINED_DATABASE => {
            DatabaseError::NoDatabase { name: database.to_owned(), server: at, near: Vec::new() }
        }
        Some(code) if *code == SqlState::INSUFFICIENT_PRIVILEGE => {
            DatabaseError::NoRight { server: at, user: server.user.clone(), what: format!("connect to `{database}`") }
        }
        Some(_) => match error.as_db_error().map(|db| db.code().code().starts_with("28")) {
            Some(true) => DatabaseError::NotLetIn { server: at, user: server.user.clone(), why },
            _ => DatabaseError::NoServer { server: at, why },
        },
        None if why.contains("password") => DatabaseError::NotLetIn { server: at, user: server.user.clone(), why },
        None => DatabaseError::NoServer { server: at, why },
    }
}

/// Who is connected to a database, but for ourselves.
///
/// # Errors
/// When the server refuses.
pub async fn sessions(client: &Client, database: &str) -> Result<Vec<Session>, DatabaseError> {
    let sql = "SELECT pid, coalesce(nullif(application_name, ''), nullif(client_addr::text, ''), backend_type) \
               FROM pg_stat_activity WHERE datname = $1 AND pid <> pg_backend_pid() AND application_name <> current_setting('application_name') \
               AND backend_type = 'client backend' ORDER BY pid";
    let rows = client.rows("looking who is connected", sql, &[&database]).await?;
    Ok(rows.iter().map(|row| Session { pid: row.get(0), who: row.get(1) }).collect())
}
