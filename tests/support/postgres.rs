//! A PostgreSQL server of the tests' own: one for the test binary, each test with databases of its own in it, gone
//! when the binary has ended, however it ended.
//!
//! The server refuses to run as root: then it runs as the user `postgres`, or as `nobody`. It listens on a socket in a
//! folder of its own and nowhere else. Where no PostgreSQL is installed, `cluster` says so and gives none.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::OnceLock;

use super::stack::eventually;

/// A server that runs until the test binary has ended.
pub(crate) struct Cluster {
    /// The folder of its socket.
    pub(crate) folder: PathBuf,
    bin: PathBuf,
    /// Whoever waits for the end of this process, and stops the server then.
    _guard: Child,
}

static SHARED: OnceLock<Option<Cluster>> = OnceLock::new();

/// The server that all tests share; none where there is no PostgreSQL on this machine.
pub(crate) fn cluster() -> Option<&'static Cluster> {
    SHARED.get_or_init(|| Cluster::start("")).as_ref()
}

/// The folder of the newest PostgreSQL that has a server.
fn programs() -> Option<PathBuf> {
    let path = std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()).collect::<Vec<_>>();
    let usual = ["/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/usr/local/pgsql/bin"];
    let mut folders: Vec<PathBuf> =
        usual.iter().flat_map(|usual| glob::glob(usual).expect("it is a pattern")).flatten().collect();
    folders.sort();
    let has = |folder: &&PathBuf| folder.join("initdb").is_file() && folder.join("postgres").is_file();
    folders.iter().rev().chain(&path).find(has).cloned()
}

/// A program as a user whom the server accepts.
fn as_somebody(program: &Path) -> Command {
    if !nix::unistd::geteuid().is_root() {
        return Command::new(program);
    }
    let user = nix::unistd::User::from_name("postgres").ok().flatten();
    let user =
        user.or_else(|| nix::unistd::User::from_name("nobody").ok().flatten()).expect("every system has `nobody`");
    let mut command = Command::new("setpriv");
    command.args([format!("--reuid={}", user.uid), format!("--regid={}", user.gid), "--clear-groups".into()]);
    command.arg(program);
    command
}

impl Cluster {
    /// Starts one, with these lines in its configuration.
    pub(crate) fn start(settings: &str) -> Option<Self> {
        let Some(bin) = programs() else {
            let said =
                "no PostgreSQL on this machine, and so nothing of it is tested: sudo apt-get install postgresql\n";
            // Past the capture of a test's output: else nobody would read it beside a test that passes.
            let _ = std::io::Write::write_all(&mut std::io::stderr(), said.as_bytes());
            return None;
        };
        let folder =
            tempfile::Builder::new().prefix("pg-").tempdir_in("/tmp").expect("the temporary folder is writable").keep();
        let folder = Self::prepare(folder);
        let done = as_somebody(&bin.join("initdb"))
            .args(["-U", "postgres", "-A", "trust", "-N", "-E", "UTF8", "--locale=C", "-D"])
            .arg(folder.join("data"))
            .output()
            .expect("it was found");
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        Some(Self::run(bin, folder, settings))
    }

    /// A folder that the server's user can write to.
    fn prepare(folder: PathBuf) -> PathBuf {
        if nix::unistd::geteuid().is_root() {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = std::fs::Permissions::from_mode(0o777);
            std::fs::set_permissions(&folder, mode).expect("the folder is ours");
        }
        folder
    }

    fn run(bin: PathBuf, folder: PathBuf, settings: &str) -> Self {
        let config = format!(
            "listen_addresses = ''\nunix_socket_directories = '{}'\nfsync = off\nfull_page_writes = off\n\
             max_connections = 200\nautovacuum = off\nshared_buffers = '32MB'\n{settings}\n",
            folder.display()
        );
        // Its user's file: written through a shell that is that user.
        let mut write = as_somebody(Path::new("/bin/sh"));
        write.args(["-c", "cat >> \"$1\"", "sh"]).arg(folder.join("data/postgresql.conf")).stdin(Stdio::piped());
        let mut write = write.spawn().expect("there is a shell");
        std::io::Write::write_all(&mut write.stdin.take().expect("it is piped"), config.as_bytes()).expect("it reads");
        assert!(write.wait().expect("it ends").success());
        let server = as_somebody(&bin.join("postgres"))
            .arg("-D")
            .arg(folder.join("data"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(std::fs::File::create(folder.join("log")).expect("the folder is writable"))
            .spawn()
            .expect("it was found");
        // Reads until this process is gone, by whatever means; what it had started is then stopped and removed.
        let script = "trap '' INT TERM HUP; read x; kill -INT \"$1\" 2>/dev/null; \
                      while kill -0 \"$1\" 2>/dev/null; do sleep 0.1; done; rm -rf \"$2\"";
        let guard = Command::new("/bin/sh")
            .args(["-c", script, "sh", &server.id().to_string()])
            .arg(&folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("there is a shell");
        let cluster = Self { folder, bin, _guard: guard };
        // The server is nobody's to wait for: it ends with this process.
        std::mem::forget(server);
        eventually("PostgreSQL answers", || {
            let ready = cluster.program("pg_isready").args(["-q", "-U", "postgres"]).status();
            ready.expect("it comes with the server").success().then_some(())
        });
        cluster
    }

    /// A program of PostgreSQL that talks to this server.
    pub(crate) fn program(&self, name: &str) -> Command {
        let mut command = Command::new(self.bin.join(name));
        let strays = std::env::vars_os().map(|(name, _)| name).filter(|name| name.to_string_lossy().starts_with("PG"));
        for name in strays {
            command.env_remove(name);
        }
        command.env("PGHOST", &self.folder);
        command
    }

    /// Where it is, for a configuration.
    pub(crate) fn url(&self) -> String {
        self.url_as("postgres")
    }

    /// Where it is, for another user.
    pub(crate) fn url_as(&self, user: &str) -> String {
        format!("postgres://{user}@/?host={}", self.folder.display())
    }

    fn psql(&self, database: &str, sql: &str) -> Output {
        let quoted = format!("dbname='{}' user=postgres", database.replace('\\', "\\\\").replace('\'', "\\'"));
        let mut command = self.program("psql");
        command.args(["-X", "-A", "-t", "-q", "-v", "ON_ERROR_STOP=1", "-d", &quoted]).stdin(Stdio::piped());
        let mut child =
            command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it comes with the server");
        let mut stdin = child.stdin.take().expect("it is piped");
        let sql = sql.to_owned();
        let write = std::thread::spawn(move || std::io::Write::write_all(&mut stdin, sql.as_bytes()));
        let output = child.wait_with_output().expect("it ends");
        let _ = write.join();
        output
    }

    /// What a database answers to statements, one row a line.
    #[track_caller]
    pub(crate) fn ask(&self, database: &str, sql: &str) -> String {
        let output = self.psql(database, sql);
        assert!(output.status.success(), "{sql}\n{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).trim_end().to_owned()
    }

    /// Makes a database and runs statements in it.
    #[track_caller]
    pub(crate) fn make(&self, database: &str, sql: &str) {
        let name = format!("\"{}\"", database.replace('"', "\"\""));
        self.ask("postgres", &format!("CREATE DATABASE {name} TEMPLATE template0"));
        self.ask(database, sql);
    }

    /// The databases whose names begin so, in order.
    pub(crate) fn databases(&self, prefix: &str) -> Vec<String> {
        let sql = format!(
            "SELECT datname FROM pg_database WHERE starts_with(datname, '{}') ORDER BY 1",
            prefix.replace('\'', "''")
        );
        self.ask("postgres", &sql).lines().map(str::to_owned).collect()
    }

    /// Everything that is in a database, as text: to be compared with itself later on.
    pub(crate) fn contents(&self, database: &str) -> String {
        let tables = self.ask(
            database,
            "SELECT format(CASE c.relkind WHEN 'S' THEN 'SELECT %L, last_value, is_called FROM %I.%I;' ELSE \
             'SELECT %L, count(*), md5(string_agg(t::text, chr(10) ORDER BY t::text)) FROM ONLY %I.%I t;' END, \
             c.oid::regclass, n.nspname, c.relname) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
             WHERE c.relkind IN ('r', 'S') AND n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema' ORDER BY 1",
        );
        self.ask(database, &tables)
    }
}
