//! Where the server is, and the proof that it is on this machine.
//!
//! Of the `PG*` variables only PGPASSWORD and PGPASSFILE are looked at; all others would move a connection
//! behind our back. What this file returns is what every connection and every pg_dump goes to.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio_postgres::config::Host;
use tokio_postgres::{Config, NoTls};

use crate::sys::user;

use super::error::DatabaseError;
use super::session::{Client, failed_to_connect};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// A server on this machine.
#[derive(Clone)]
pub struct Server {
    /// Its socket's folder, or its address.
    pub place: Place,
    /// Its port; with a socket the end of its name.
    pub port: u16,
    /// Who we are to it.
    pub user: String,
    password: Option<String>,
    /// Whether the password stood in the URL.
    pub password_in_url: bool,
    /// A name that every connection has, so that others know who it is.
    pub application: String,
}

/// Where a server listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// A socket in this folder.
    Socket(PathBuf),
    /// An address of this machine.
    Loopback(IpAddr),
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Server({self} as {})", self.user)
    }
}

impl std::fmt::Display for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.place {
            Place::Socket(folder) => write!(f, "{}/.s.PGSQL.{}", folder.display(), self.port),
            Place::Loopback(IpAddr::V6(address)) => write!(f, "[{address}]:{}", self.port),
            Place::Loopback(IpAddr::V4(address)) => write!(f, "{address}:{}", self.port),
        }
    }
}

impl Server {
    /// Reads a URL; the environment gives a password, and nothing else.
    ///
    /// # Errors
    /// When it isn't one, or names a server that isn't on this machine.
    pub fn parse(url: &str, env: &BTreeMap<String, String>, application: &str) -> Result<Self, DatabaseError> {
        let bad = |why: String| DatabaseError::BadUrl { why };
        if url.trim().is_empty() {
            return Err(DatabaseError::NoUrl);
        }
        if !url.starts_with("postgres://") && !url.starts_with("postgresql://") {
            return Err(bad("it doesn't begin with postgres://".into()));
        }
        // The parser's own words may repeat the password.
        let config: Config = url.parse().map_err(|_| bad("it can't be read".into()))?;
        if config.get_options().is_some() {
            return Err(bad("it has `options`, and sessions are ours to set up".into()));
        }
        let place = place(&config)?;
        let port = match config.get_ports() {
            [] => 5432,
            [port] => *port,
            _ => return Err(bad("it names several ports".into())),
        };
        let user = config.get_user().filter(|user| !user.is_empty()).map(str::to_owned);
        let user = user.or_else(user::name).unwrap_or_else(|| "postgres".into());
        let in_url = config.get_password().map(|password| String::from_utf8_lossy(password).into_owned());
        let mut server = Self {
            place,
            port,
            user,
            password_in_url: in_url.is_some(),
            password: in_url,
            application: application.to_owned(),
        };
        server.password = server.password.take().or_else(|| env.get("PGPASSWORD").cloned());
        if server.password.is_none() {
            server.password = server.password_from_file(env);
        }
        Ok(server)
    }

    fn password_from_file(&self, env: &BTreeMap<String, String>) -> Option<String> {
        let named = env.get("PGPASSFILE").map(PathBuf::from);
        let file = named.or_else(|| Some(Path::new(env.get("HOME")?).join(".pgpass")))?;
        let host = match &self.place {
            Place::Socket(_) => "localhost".to_owned(),
            Place::Loopback(address) => address.to_string(),
        };
        password_in(&std::fs::read_to_string(file).ok()?, &host, self.port, &self.user)
    }

    /// The password, for a program of PostgreSQL's own; never for a command line.
    pub fn password(&self) -> Option<&str> {
        self.password.as_deref()
    }

    /// Connects to a database. The name is a name, whatever is in it.
    ///
    /// # Errors
    /// When nobody answers, or doesn't let us in.
    pub async fn connect(&self, database: &str, options: &str) -> Result<Client, DatabaseError> {
        let mut config = Config::new();
        match &self.place {
            Place::Socket(folder) => config.host_path(folder),
            Place::Loopback(address) => config.host(address.to_string()).hostaddr(*address),
        };
        config.port(self.port).user(&self.user).dbname(database).application_name(&self.application);
        config.connect_timeout(CONNECT_TIMEOUT).options(options);
        if let Some(password) = &self.password {
            config.password(password);
        }
        let (client, connection) =
            config.connect(NoTls).await.map_err(|error| failed_to_connect(&error, self, database))?;
        tokio::spawn(async move {
            // What ends a connection is said by the statement that it interrupts.
            let _ = connection.await;
        });
        Ok(Client::new(client, self.to_string()))
    }
}

/// The one place that a URL names, if it is on this machine.
fn place(config: &Config) -> Result<Place, DatabaseError> {
    let bad = |why: &str| DatabaseError::BadUrl { why: why.into() };
    let far = |why: String| DatabaseError::NotLocal { why };
    match (config.get_hosts(), config.get_hostaddrs()) {
        (_, [_, _, ..]) | ([_, _, ..], _) => Err(bad("it names several servers")),
        // What one connects to is the address, whatever the host is called.
        (host, [address]) => match address.is_loopback() {
            true => Ok(Place::Loopback(*address)),
            false => {
                let called = match host {
                    [Host::Tcp(name)] => format!("host is `{name}`, but "),
                    _ => String::new(),
                };
                Err(far(format!("{called}hostaddr {address} is where it connects to")))
            }
        },
        ([], []) => Ok(Place::Loopback(IpAddr::V4(Ipv4Addr::LOCALHOST))),
        ([Host::Unix(folder)], []) => Ok(Place::Socket(folder.clone())),
        ([Host::Tcp(name)], []) => match name.parse::<IpAddr>() {
            Ok(address) if address.is_loopback() => Ok(Place::Loopback(address)),
            Ok(address) => Err(far(format!("{address} is another one's address"))),
            // Not looked up: what /etc/hosts or a name server says of it isn't a proof.
            Err(_) if name.eq_ignore_ascii_case("localhost") => Ok(Place::Loopback(IpAddr::V4(Ipv4Addr::LOCALHOST))),
            Err(_) if name == "ip6-localhost" => Ok(Place::Loopback(IpAddr::V6(Ipv6Addr::LOCALHOST))),
            Err(_) => Err(far(format!("host `{name}` is neither localhost nor a loopback address"))),
        },
    }
}

/// The first line of a .pgpass that fits.
fn password_in(text: &str, host: &str, port: u16, user: &str) -> Option<String> {
    text.lines().filter(|line| !line.starts_with('#')).find_map(|line| {
        let fields = fields(line);
        let [named, at, _, whom, password] = fields.as_slice() else { return None };
        let fits = |field: &str, value: &str| field == "*" || field == value;
        let is_host = fits(named, host) || (named == "localhost" && host == "127.0.0.1");
        (is_host && fits(at, &port.to_string()) && fits(whom, user)).then(|| password.clone())
    })
}

/// A line of .pgpass: parted by colons, which a backslash makes a letter.
fn fields(line: &str) -> Vec<String> {
    let mut fields = vec![String::new()];
    let mut letters = line.chars();
    while let Some(letter) = letters.next() {
        let last = fields.last_mut().expect("there is always one");
        match letter {
            '\\' => last.extend(letters.next()),
            ':' => fields.push(String::new()),
            letter => last.push(letter),
        }
    }
    fields
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(url: &str) -> Result<Server, String> {
        Server::parse(url, &BTreeMap::new(), "test").map_err(|error| error.to_string())
    }

    fn at(url: &str) -> String {
        parse(url).map_or_else(|error| error, |server| server.to_string())
    }

    #[test]
    fn a_server_is_a_socket_or_a_loopback_address() {
        assert_eq!(at("postgres://me@localhost"), "127.0.0.1:5432");
        assert_eq!(at("postgresql://me@127.0.0.1:5433/x"), "127.0.0.1:5433");
        assert_eq!(at("postgres://me@[::1]:5433"), "[::1]:5433");
        assert_eq!(at("postgres://me@%2Frun%2Fpg"), "/run/pg/.s.PGSQL.5432");
        assert_eq!(at("postgres://me@/?host=/run/pg&port=5555"), "/run/pg/.s.PGSQL.5555");
    }

    #[test]
    fn any_other_server_is_refused_with_the_reason() {
        let refused = |url: &str| {
            at(url).strip_prefix("refusing to touch a server that isn't on this machine: ").map(str::to_owned)
        };
        assert_eq!(refused("postgres://me@10.2.0.9"), Some("10.2.0.9 is another one's address".into()));
        assert_eq!(
            refused("postgres://me@db.example"),
            Some("host `db.example` is neither localhost nor a loopback address".into())
        );
        assert_eq!(
            refused("postgres://me@localhost?hostaddr=10.2.0.9"),
            Some("host is `localhost`, but hostaddr 10.2.0.9 is where it connects to".into())
        );
    }

    #[test]
    fn what_cannot_be_one_server_is_said_to_be_so_and_a_password_is_not_repeated() {
        let bad = |why: &str| format!("this isn't the address of a PostgreSQL server: {why}");
        assert_eq!(at("postgres://a@localhost,127.0.0.1"), bad("it names several servers"));
        assert_eq!(at("mysql://a@localhost"), bad("it doesn't begin with postgres://"));
        assert_eq!(at("postgres://a:secret@localhost:port"), bad("it can't be read"));
        assert_eq!(
            at("postgres://a@localhost?options=-c%20x"),
            bad("it has `options`, and sessions are ours to set up")
        );
    }

    #[test]
    fn only_a_password_is_taken_from_the_environment() {
        let env = [("PGHOSTADDR", "10.2.0.9"), ("PGPORT", "1"), ("PGUSER", "other"), ("PGPASSWORD", "p")];
        let env = env.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        let server = Server::parse("postgres://me@localhost", &env, "test").expect("it is local");
        assert_eq!((server.to_string().as_str(), server.user.as_str()), ("127.0.0.1:5432", "me"));
        assert_eq!(server.password(), Some("p"));
    }

    #[test]
    fn a_password_is_found_in_a_file_by_host_port_and_user() {
        let text = "# comment\nother:5432:*:me:no\nlocalhost:*:*:you:no\nlocalhost:5432:*:me:a\\:b\\\\c\n";
        assert_eq!(password_in(text, "127.0.0.1", 5432, "me"), Some("a:b\\c".into()));
        assert_eq!(password_in(text, "127.0.0.1", 5433, "me"), None);
    }
}
