//! A project in a folder, the stacks that run in it, and the commands that are typed beside them.

use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::support::stack::{PATIENCE, Stack};

const FAKE: &str = env!("CARGO_BIN_EXE_fake-service");

/// A project.
pub(super) struct Site {
    pub(super) folder: tempfile::TempDir,
    runtime: PathBuf,
}

/// What a command said.
#[derive(Debug)]
pub(super) struct Said {
    pub(super) code: i32,
    pub(super) stdout: String,
    pub(super) stderr: String,
}

impl Said {
    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

impl Site {
    /// One with this devserver.toml; `FAKE` stands for the fake service.
    pub(super) fn new(toml: &str) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let runtime = folder.path().join("run");
        std::fs::create_dir(&runtime).expect("the folder is ours");
        let site = Self { folder, runtime };
        site.write(toml);
        site
    }

    /// The same with its runtime folder there.
    pub(super) fn at(mut self, runtime: &Path) -> Self {
        self.runtime = runtime.to_owned();
        self
    }

    pub(super) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(super) fn write(&self, toml: &str) {
        let text = toml.replace("FAKE", FAKE);
        std::fs::write(self.path().join("devserver.toml"), text).expect("the folder is ours");
    }

    /// Starts a stack in the foreground.
    pub(super) fn up(&self, arguments: &[&str]) -> Stack {
        Stack::start(self.path(), arguments, &[("XDG_RUNTIME_DIR", &self.runtime.display().to_string())])
    }

    /// A command, to be run here.
    pub(super) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_devserver"));
        command.args(arguments).current_dir(self.path()).env_clear();
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default()).env("XDG_RUNTIME_DIR", &self.runtime);
        command.stdin(Stdio::null());
        command
    }

    /// Runs a command beside the stack.
    pub(super) fn run(&self, arguments: &[&str]) -> Said {
        said(&mut self.command(arguments))
    }

    /// How one process stands, as `ps --json` has it.
    pub(super) fn process(&self, name: &str) -> Value {
        let status = self.run(&["ps", "--json"]).json();
        let stacks = status["stacks"].as_array().expect("a list").clone();
        let mut all = stacks.iter().flat_map(|stack| stack["processes"].as_array().expect("a list"));
        all.find(|process| process["name"] == name).unwrap_or_else(|| panic!("{name} in {status}")).clone()
    }

    /// The socket of the stack that runs here.
    pub(super) fn socket(&self) -> PathBuf {
        let status = self.run(&["status", "--json"]).json();
        PathBuf::from(status["stacks"][0]["socket"].as_str().unwrap_or_else(|| panic!("it is up: {status}")))
    }
}

/// What a command says, to its end.
pub(super) fn said(command: &mut Command) -> Said {
    let output = command.output().expect("it can be run");
    Said {
        code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// A client that speaks by hand.
pub(super) struct ByHand {
    stream: UnixStream,
    reader: BufReader<UnixStream>,
}

impl ByHand {
    /// Connects, and reads the hello.
    pub(super) fn connect(socket: &Path) -> (Self, Value) {
        let stream = UnixStream::connect(socket).expect("somebody listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("it is a socket");
        stream.set_write_timeout(Some(PATIENCE)).expect("it is a socket");
        let reader = BufReader::new(stream.try_clone().expect("a descriptor"));
        let mut client = Self { stream, reader };
        let hello = client.next().expect("it says hello");
        (client, hello)
    }

    /// Writes these bytes. The other side may have hung up: what it said is what counts.
    pub(super) fn write(&mut self, bytes: &[u8]) {
        let _ = self.stream.write_all(bytes);
    }

    pub(super) fn say(&mut self, line: &str) {
        self.write(line.as_bytes());
        self.write(b"\n");
    }

    /// No more will be written.
    pub(super) fn finish(&mut self) {
        self.stream.shutdown(std::net::Shutdown::Write).expect("it is open");
    }

    /// The next line; none at the end.
    pub(super) fn next(&mut self) -> Option<Value> {
        let mut line = String::new();
        match self.reader.read_line(&mut line) {
            Ok(0) => None,
            Ok(_) => Some(serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"))),
            // It hung up with something of ours unread.
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => None,
            Err(error) => panic!("nothing came: {error}"),
        }
    }

    /// Asks and reads one answer.
    pub(super) fn ask(&mut self, line: &str) -> Value {
        self.say(line);
        self.next().expect("it answers")
    }
}
