//! The binary: started with a clean environment, its end given whole.

use std::{
    fmt,
    io::Read,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    thread::JoinHandle,
    time::{Duration, Instant},
};

use super::{PATIENCE, TOKEN};

/// `monthend` with its arguments, about to run at a desk.
#[derive(Debug)]
pub(crate) struct Monthend {
    args: Vec<String>,
    env: Vec<(String, String)>,
    folder: PathBuf,
    /// A shell command that is run first, in the shell that then becomes the binary: `ulimit -f 4`.
    before: Option<String>,
    closed_stdout: bool,
    closed_stderr: bool,
}

impl Monthend {
    pub(super) fn new<S: Into<String>>(folder: &Path, args: impl IntoIterator<Item = S>) -> Self {
        let command = Monthend {
            args: args.into_iter().map(Into::into).collect(),
            env: Vec::new(),
            folder: folder.to_owned(),
            before: None,
            closed_stdout: false,
            closed_stderr: false,
        };
        // The periods in the tests are fixed; when they grow old must not matter.
        command.env("MONTHEND_NO_DATE_CHECK", "1").env("WEBEX_ACCESS_TOKEN", TOKEN)
    }

    pub(crate) fn arg(mut self, arg: impl Into<String>) -> Self {
        self.args.push(arg.into());
        self
    }

    pub(crate) fn args<S: Into<String>>(mut self, args: impl IntoIterator<Item = S>) -> Self {
        self.args.extend(args.into_iter().map(Into::into));
        self
    }

    pub(crate) fn env(mut self, name: &str, value: impl Into<String>) -> Self {
        self = self.without(name);
        self.env.push((name.to_owned(), value.into()));
        self
    }

    /// Unsets a variable that the desk sets.
    pub(crate) fn without(mut self, name: &str) -> Self {
        self.env.retain(|(known, _)| known != name);
        self
    }

    pub(crate) fn after(mut self, shell: impl Into<String>) -> Self {
        self.before = Some(shell.into());
        self
    }

    /// Runs with a stdout whose reader has gone away already.
    pub(crate) fn into_closed_pipe(mut self) -> Self {
        self.closed_stdout = true;
        self
    }

    /// Runs with a stderr whose reader has gone away already.
    pub(crate) fn unheard(mut self) -> Self {
        self.closed_stderr = true;
        self
    }

    /// Arguments, environment and folder, for who starts it in another way.
    pub(super) fn parts(&self) -> (&[String], &[(String, String)], &Path) {
        (&self.args, &self.env, &self.folder)
    }

    /// Runs it to its end.
    pub(crate) fn run(self) -> Ended {
        self.start().wait()
    }

    /// Runs it to its end, which has to be this exit code.
    #[track_caller]
    pub(crate) fn expect(self, code: i32) -> Ended {
        self.run().expect(code)
    }

    pub(crate) fn start(self) -> Running {
        let binary = env!("CARGO_BIN_EXE_monthend");
        let mut command = match &self.before {
            None => Command::new(binary),
            Some(before) => {
                let mut shell = Command::new("sh");
                shell.arg("-c").arg(format!("{before}; exec \"$0\" \"$@\"")).arg(binary);
                shell
            }
        };
        command
            .args(&self.args)
            .env_clear()
            .env("TZ", "UTC")
            .envs(self.env.iter().cloned())
            .current_dir(&self.folder)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        if let Ok(path) = std::env::var("PATH") {
            command.env("PATH", path);
        }
        let closed_pipe = || std::io::pipe().unwrap().1;
        if self.closed_stdout {
            command.stdout(closed_pipe());
        }
        if self.closed_stderr {
            command.stderr(closed_pipe());
        }
        let shown = self.to_string();
        let mut child = command.spawn().unwrap_or_else(|e| panic!("cannot start {shown}: {e}"));
        Running {
            stdout: drain(child.stdout.take()),
            stderr: drain(child.stderr.take()),
            began: Instant::now(),
            child,
            shown,
        }
    }
}

/// The command line as one would type it.
impl fmt::Display for Monthend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cd {} &&", self.folder.display())?;
        for (name, value) in &self.env {
            write!(f, " {name}={value:?}")?;
        }
        if let Some(before) = &self.before {
            write!(f, " {before};")?;
        }
        write!(f, " monthend")?;
        for arg in &self.args {
            write!(f, " {arg}")?;
        }
        Ok(())
    }
}

/// Sends a process a signal by its name, such as `INT`.
pub(super) fn signal(process: u32, name: &str) {
    let sent = Command::new("sh").args(["-c", &format!("kill -{name} {process}")]).status();
    assert!(sent.is_ok_and(|s| s.success()), "{name} for {process}");
}

fn drain(pipe: Option<impl Read + Send + 'static>) -> Option<JoinHandle<String>> {
    let mut pipe = pipe?;
    Some(std::thread::spawn(move || {
        let mut bytes = Vec::new();
        // Whatever came until the pipe broke is worth showing.
        let _ = pipe.read_to_end(&mut bytes);
        String::from_utf8_lossy(&bytes).into_owned()
    }))
}

/// The binary while it runs. Killed when dropped.
#[derive(Debug)]
pub(crate) struct Running {
    child: Child,
    stdout: Option<JoinHandle<String>>,
    stderr: Option<JoinHandle<String>>,
    began: Instant,
    shown: String,
}

impl Running {
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal by its name, such as `INT`.
    pub(crate) fn signal(&self, name: &str) {
        signal(self.child.id(), name);
    }

    pub(crate) fn is_over(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    /// Kills it. True where it had not ended by itself.
    pub(crate) fn kill(&mut self) -> bool {
        let alive = !self.is_over();
        let _ = self.child.kill();
        let _ = self.child.wait();
        alive
    }

    /// Waits for its end.
    ///
    /// # Panics
    /// It hangs.
    pub(crate) fn wait(self) -> Ended {
        self.wait_at_most(PATIENCE)
    }

    /// As [`Running::wait`], with another patience.
    pub(crate) fn wait_at_most(mut self, patience: Duration) -> Ended {
        let status = self.wait_for(patience);
        let took = self.began.elapsed();
        let ended = Ended {
            code: status.and_then(code),
            stdout: text(self.stdout.take()),
            stderr: text(self.stderr.take()),
            shown: self.shown.clone(),
            took,
        };
        assert!(status.is_some(), "it hung: {ended}");
        ended
    }

    fn wait_for(&mut self, patience: Duration) -> Option<ExitStatus> {
        while self.began.elapsed() < patience {
            if let Some(status) = self.child.try_wait().unwrap() {
                return Some(status);
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        self.kill();
        None
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.kill();
    }
}

/// As a shell counts: killed by signal N is 128 + N.
fn code(status: ExitStatus) -> Option<i32> {
    use std::os::unix::process::ExitStatusExt as _;
    status.code().or_else(|| Some(128 + status.signal()?))
}

fn text(reader: Option<JoinHandle<String>>) -> String {
    reader.map(|r| r.join().unwrap_or_default()).unwrap_or_default()
}

/// A command that was said, and what it is for.
#[derive(Debug, Clone)]
pub(crate) struct Hint {
    pub(crate) why: String,
    words: Vec<String>,
}

impl Hint {
    /// Its arguments.
    pub(crate) fn arguments(&self) -> &[String] {
        &self.words[1..]
    }

    /// Typed as it was said.
    pub(crate) fn typed(&self, desk: &super::Desk) -> Monthend {
        desk.monthend(self.arguments().to_vec())
    }
}

/// How it ended, whole.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    pub(crate) took: Duration,
    shown: String,
}

impl Ended {
    /// # Panics
    /// It ended otherwise.
    #[track_caller]
    pub(crate) fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{self}");
        self
    }

    /// Every one of these stands in what was said on stderr.
    #[track_caller]
    pub(crate) fn says<'a>(self, parts: impl IntoIterator<Item = &'a str>) -> Self {
        for part in parts {
            assert!(self.stderr.contains(part), "stderr does not say {part:?}: {self}");
        }
        self
    }

    /// Every one of these stands in the result on stdout.
    #[track_caller]
    pub(crate) fn shows<'a>(self, parts: impl IntoIterator<Item = &'a str>) -> Self {
        for part in parts {
            assert!(self.stdout.contains(part), "stdout does not show {part:?}: {self}");
        }
        self
    }

    /// The commands that were said, on either stream, each with what it is for.
    pub(crate) fn hints(&self) -> Vec<Hint> {
        let text = format!("{}\n{}", self.stdout, self.stderr);
        let lines: Vec<&str> = text.lines().collect();
        let binary = env!("CARGO_BIN_EXE_monthend");
        let hints = lines.windows(2).filter_map(|pair| {
            let command = pair[1].strip_prefix("  ")?.trim_start();
            let why = pair[0].strip_suffix(':')?;
            command
                .starts_with(binary)
                .then(|| Hint { why: why.trim().to_owned(), words: shlex::split(command).unwrap() })
        });
        hints.collect()
    }

    /// The only command that was said.
    #[track_caller]
    pub(crate) fn hint(&self) -> Hint {
        let mut hints = self.hints();
        assert_eq!(hints.len(), 1, "{hints:#?} {self}");
        hints.remove(0)
    }

    /// Stdout as JSON.
    #[track_caller]
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|e| panic!("{e}: {self}"))
    }
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "\n$ {}\nexit code {:?} after {:?}\n--- stdout\n{}--- stderr\n{}---",
            self.shown, self.code, self.took, self.stdout, self.stderr
        )
    }
}
