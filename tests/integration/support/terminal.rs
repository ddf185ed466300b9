//! A terminal to run a command on, and what its screen shows.

use std::{
    io::{Read as _, Write as _},
    num::NonZeroU16,
    process::Child,
    sync::{Arc, Mutex, MutexGuard},
    thread::JoinHandle,
    time::{Duration, Instant},
};

use pty_process::{
    Size,
    blocking::{Command, Pty, open},
};

use super::{Monthend, PATIENCE, command::signal};

/// As high as screens were when terminals got their name.
const ROWS: u16 = 24;

/// A command on a terminal of its own. Killed when dropped.
pub(crate) struct Terminal {
    pty: Arc<Pty>,
    child: Child,
    shown: Arc<Mutex<Shown>>,
    reader: Option<JoinHandle<()>>,
}

struct Shown {
    parser: vt100::Parser,
    /// Everything that was written, as it came.
    raw: Vec<u8>,
    /// The screen after each piece that was written.
    screens: Vec<Vec<String>>,
    /// A bar that went on in the next line.
    wrapped: Option<String>,
}

impl Monthend {
    /// Starts it on a terminal of so many columns.
    pub(crate) fn on_a_terminal(self, columns: u16) -> Terminal {
        let (pty, pts) = open().unwrap();
        pty.resize(Size::new(ROWS, columns)).unwrap();
        let (args, env, folder) = self.parts();
        let has_term = env.iter().any(|(name, _)| name == "TERM");
        let child = Command::new(env!("CARGO_BIN_EXE_monthend"))
            .args(args)
            .env_clear()
            .envs((!has_term).then_some(("TERM", "xterm-256color")))
            .envs(env.iter().cloned())
            .current_dir(folder)
            .spawn(pts)
            .unwrap();
        let shown = Arc::new(Mutex::new(Shown {
            parser: vt100::Parser::new(size(ROWS), size(columns), 0),
            raw: Vec::new(),
            screens: Vec::new(),
            wrapped: None,
        }));
        let pty = Arc::new(pty);
        let reader = {
            let (pty, shown) = (Arc::clone(&pty), Arc::clone(&shown));
            std::thread::spawn(move || {
                let mut piece = [0; 4096];
                // Where the other end is gone, Linux calls it an error.
                while let Ok(length @ 1..) = (&*pty).read(&mut piece) {
                    lock(&shown).take(&piece[..length]);
                }
            })
        };
        Terminal { pty, child, shown, reader: Some(reader) }
    }
}

fn size(n: u16) -> NonZeroU16 {
    NonZeroU16::new(n).unwrap()
}

impl Shown {
    fn take(&mut self, piece: &[u8]) {
        self.raw.extend_from_slice(piece);
        self.parser.process(piece);
        let screen = self.parser.screen();
        let (rows, columns) = screen.size();
        let lines: Vec<String> = screen.rows(0, columns.get()).collect();
        // A line that fills its row and goes on in the next one; spaces at its end are no part of it.
        let full = usize::from(columns.get());
        let is_bar = |row: &u16| {
            let line = lines[usize::from(*row)].trim_end();
            line.contains(['█', '░']) && line.chars().count() == full
        };
        if let Some(row) = (0..rows.get()).find(|row| is_bar(row) && screen.row_wrapped(*row)) {
            self.wrapped = Some(lines[usize::from(row)].clone());
        }
        self.screens.push(lines);
    }
}

impl Terminal {
    /// Types, as a person would.
    pub(crate) fn types(&self, keys: &str) {
        (&*self.pty).write_all(keys.as_bytes()).unwrap();
    }

    /// Changes the width, to be called when a line was just drawn. A line that is on its way meanwhile would be one for
    /// the old width, which no program can help: so the command stands still, and all that it has written is read first.
    pub(crate) fn resize(&self, columns: u16) {
        signal(self.child.id(), "STOP");
        let written = || lock(&self.shown).raw.len();
        let mut read = 0;
        while written() > read {
            read = written();
            std::thread::sleep(Duration::from_millis(50));
        }
        lock(&self.shown).parser.screen_mut().set_size(size(ROWS), size(columns));
        self.pty.resize(Size::new(ROWS, columns)).unwrap();
        signal(self.child.id(), "CONT");
    }

    /// Waits until a line on the screen is so, and gives it.
    #[track_caller]
    pub(crate) fn until(&self, what: &str, is: impl Fn(&str) -> bool) -> String {
        let began = Instant::now();
        let mut looked = 0;
        loop {
            let shown = lock(&self.shown);
            let lines = shown.screens[looked..].iter().flatten();
            if let Some(line) = lines.clone().find(|line| is(line)) {
                return line.clone();
            }
            looked = shown.screens.len();
            let screen = shown.screens.last().cloned().unwrap_or_default();
            drop(shown);
            assert!(began.elapsed() < PATIENCE, "no line is {what}: {screen:#?}");
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// Waits for the end; gives the exit code, the last screen without its empty lines, and everything that was written.
    #[track_caller]
    pub(crate) fn end(mut self) -> (Option<i32>, Vec<String>, String) {
        let began = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            assert!(began.elapsed() < PATIENCE, "it hangs: {:#?}", self.screen());
            std::thread::sleep(Duration::from_millis(2));
        };
        if let Some(reader) = self.reader.take() {
            reader.join().unwrap();
        }
        let shown = lock(&self.shown);
        assert_eq!(shown.wrapped, None, "a bar went on in the next line");
        let raw = String::from_utf8_lossy(&shown.raw).into_owned();
        drop(shown);
        (status.code(), self.screen(), raw)
    }

    fn screen(&self) -> Vec<String> {
        let screen = lock(&self.shown).screens.last().cloned();
        let lines = screen.unwrap_or_default().into_iter();
        lines.map(|line| line.trim_end().to_owned()).filter(|line| !line.is_empty()).collect()
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn lock(shown: &Mutex<Shown>) -> MutexGuard<'_, Shown> {
    shown.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}
