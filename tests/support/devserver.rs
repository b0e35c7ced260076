//! The binary in a folder of its own: write files, give arguments, compare all that it says.

use std::ffi::OsString;
use std::io::Read;
use std::os::unix::process::ExitStatusExt as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::Duration;

/// What a command that starts nothing may take on a machine that does much else.
const DEADLINE: Duration = Duration::from_secs(60);

/// A run of the binary in a new folder. The folder's path is written `<folder>` in what it says.
pub(crate) struct Devserver {
    folder: tempfile::TempDir,
    inside: PathBuf,
    args: Vec<OsString>,
    env: Vec<(OsString, OsString)>,
}

/// What it said, and how it ended.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Said {
    /// The exit code.
    pub(crate) code: i32,
    /// Standard output.
    pub(crate) stdout: String,
    /// Standard error.
    pub(crate) stderr: String,
}

impl Said {
    #[track_caller]
    pub(crate) fn ends_with_code(&self, code: i32) {
        assert_eq!(self.code, code, "it says\n{}{}", self.stdout, self.stderr);
    }
}

impl Devserver {
    /// An empty folder, no arguments, an environment of PATH and HOME alone.
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().expect("the temporary folder is writable");
        for needed in ["home", "run"] {
            std::fs::create_dir(folder.path().join(needed)).expect("the folder is new and ours");
        }
        Self { folder, inside: "project".into(), args: Vec::new(), env: Vec::new() }.folder("")
    }

    /// The same with this devserver.toml.
    pub(crate) fn of(toml: &str) -> Self {
        Self::new().file("devserver.toml", toml)
    }

    pub(crate) fn file(self, path: &str, text: impl AsRef<[u8]>) -> Self {
        let path = self.root().join(path);
        let above = path.parent().expect("a file is in a folder");
        std::fs::create_dir_all(above).expect("the folder is ours");
        std::fs::write(&path, text).expect("the folder is ours");
        self
    }

    pub(crate) fn folder(self, path: &str) -> Self {
        std::fs::create_dir_all(self.root().join(path)).expect("the folder is ours");
        self
    }

    /// Runs in this folder below the project's.
    pub(crate) fn inside(mut self, path: &str) -> Self {
        self.inside = self.inside.join(path);
        self
    }

    /// Arguments, parted by blanks.
    pub(crate) fn args(mut self, args: &str) -> Self {
        self.args.extend(args.split_whitespace().map(OsString::from));
        self
    }

    pub(crate) fn arg(mut self, arg: impl Into<OsString>) -> Self {
        self.args.push(arg.into());
        self
    }

    pub(crate) fn env(mut self, name: &str, value: impl Into<OsString>) -> Self {
        self.env.push((name.into(), value.into()));
        self
    }

    /// A file of the project.
    #[track_caller]
    pub(crate) fn text(&self, path: &str) -> String {
        std::fs::read_to_string(self.root().join(path)).expect("the file is there")
    }

    fn root(&self) -> PathBuf {
        self.folder.path().join("project")
    }

    /// Runs it to its end.
    #[track_caller]
    pub(crate) fn run(&self) -> Said {
        let mut command = Command::new(env!("CARGO_BIN_EXE_devserver"));
        command.args(&self.args).current_dir(self.folder.path().join(&self.inside)).env_clear();
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.env("HOME", self.folder.path().join("home")).env("XDG_RUNTIME_DIR", self.folder.path().join("run"));
        command.envs(self.env.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the binary was built with this test");
        let out = reader(child.stdout.take().expect("it is piped"));
        let err = reader(child.stderr.take().expect("it is piped"));
        let mut text = |from: Receiver<Vec<u8>>| match from.recv_timeout(DEADLINE) {
            Ok(bytes) => self.portable(&String::from_utf8_lossy(&bytes)),
            Err(_) => {
                child.kill().expect("it is our child and was not waited for");
                panic!("{:?} goes on after {DEADLINE:?}", self.args)
            }
        };
        let (stdout, stderr) = (text(out), text(err));
        let status = child.wait().expect("it is our child and was not waited for");
        let code = status.code().unwrap_or_else(|| -status.signal().expect("what has no code has a signal"));
        Said { code, stdout, stderr }
    }

    fn portable(&self, text: &str) -> String {
        let root = self.root();
        let real = root.canonicalize().expect("the folder is there");
        text.replace(&real.display().to_string(), "<folder>").replace(&root.display().to_string(), "<folder>")
    }

    /// Runs it; it must end with this code, say this on standard error, and nothing on standard output.
    #[track_caller]
    pub(crate) fn refuses(&self, code: i32, stderr: &str) {
        let said = self.run();
        assert_same(&said.stderr, stderr, &self.args);
        assert_same(&said.stdout, "", &self.args);
        assert_eq!(said.code, code, "exit code of {:?}", self.args);
    }

    /// Runs it; it must end well, say this on standard output, and nothing on standard error.
    #[track_caller]
    pub(crate) fn prints(&self, stdout: &str) {
        let said = self.run();
        assert_same(&said.stderr, "", &self.args);
        assert_same(&said.stdout, stdout, &self.args);
        assert_eq!(said.code, 0, "exit code of {:?}", self.args);
    }
}

fn reader(mut from: impl Read + Send + 'static) -> Receiver<Vec<u8>> {
    let (send, receive) = sync_channel(1);
    std::thread::spawn(move || {
        let mut all = Vec::new();
        // What was read before an end by force is still worth showing.
        let _ = from.read_to_end(&mut all);
        let _ = send.send(all);
    });
    receive
}

/// Two texts, one below the other: a message is read, not diffed by its escapes.
#[track_caller]
fn assert_same(found: &str, expected: &str, args: &[OsString]) {
    assert!(found == expected, "of {args:?}\n---- it says\n{found}\n---- and must say\n{expected}\n----");
}
