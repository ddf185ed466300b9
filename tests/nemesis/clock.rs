//! The computer's time of day, which somebody sets while processes run.
//!
//! A library that is preloaded into the binary shifts what it sees ([`clock.c`](clock.c)); no other process notices.
//! Where there is no C compiler, or no Linux, clocks are right, and the test says so.

use std::{fs::OpenOptions, io::Write as _, path::PathBuf, process::Command, sync::LazyLock};

use crate::support::{Desk, Monthend};

static LIBRARY: LazyLock<Option<PathBuf>> = LazyLock::new(|| {
    let library = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("nemesis_clock.so");
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/nemesis/clock.c");
    let built = cfg!(target_os = "linux")
        && Command::new("cc")
            .args(["-shared", "-fPIC", "-O1", "-o"])
            .args([library.as_os_str(), source.as_ref()])
            .status()
            .is_ok_and(|status| status.success());
    if !built {
        eprintln!("SKIPPED: no clock is set, since {source} cannot be compiled here");
    }
    built.then_some(library)
});

/// The clock of one history's computer.
#[derive(Debug)]
pub(crate) struct Clock {
    file: PathBuf,
}

impl Clock {
    pub(crate) fn new(desk: &Desk) -> Self {
        let clock = Clock { file: desk.path("clock") };
        clock.set(0);
        clock
    }

    /// From now on it is so many seconds ahead.
    pub(crate) fn set(&self, ahead: i64) {
        // Never truncated: the file is mapped.
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(false);
        let mut file = options.open(&self.file).unwrap();
        file.write_all(&ahead.to_ne_bytes()).unwrap();
    }

    /// A command that goes by this clock.
    pub(crate) fn shown_to(&self, command: Monthend) -> Monthend {
        match &*LIBRARY {
            None => command,
            Some(library) => command
                .env("LD_PRELOAD", library.display().to_string())
                .env("NEMESIS_CLOCK", self.file.display().to_string()),
        }
    }
}
