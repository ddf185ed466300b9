//! What a machine must have before anything begins, and what a fault of our own looks like.

use std::{
    io,
    panic::{self, AssertUnwindSafe, PanicHookInfo},
    thread,
};

use super::Exit;
use crate::{output::console, text::one_line};

/// Pipes for files, connections and what waits for them, on top of what is open at the start.
const PIPES: usize = 16;

/// Tries what every command needs that talks to a server: in the middle of a run there would be no good end.
pub(super) fn try_machine() -> io::Result<()> {
    let pipes: io::Result<Vec<_>> = (0..PIPES).map(|_| io::pipe()).collect();
    pipes.map_err(|e| {
        io::Error::other(format!(
            "too few files may be open at once ({e}); raise the limit, for instance with `ulimit -n 1024`"
        ))
    })?;
    let second = thread::Builder::new().spawn(|| ());
    second.map(drop).map_err(|e| {
        io::Error::other(format!(
            "a second thread cannot be started ({e}); raise the limit on processes (`ulimit -u`), or that of the container"
        ))
    })
}

/// A panic is a fault, said in plain words: the ledger is on the disk line by line.
pub(super) fn contained(command: impl FnOnce() -> Exit) -> Exit {
    panic::set_hook(Box::new(say));
    panic::catch_unwind(AssertUnwindSafe(command)).unwrap_or(Exit::Fault)
}

fn say(panic: &PanicHookInfo<'_>) {
    console::clear_bar();
    let payload = panic.payload();
    let text = payload.downcast_ref::<&str>().copied();
    let what = text.or(payload.downcast_ref::<String>().map(String::as_str));
    let what = what.unwrap_or("no reason given");
    let place =
        panic.location().map_or_else(String::new, |at| format!(" ({}:{})", at.file(), at.line()));
    console::complain(&format!(
        "error: a fault of monthend itself: {}{place}\nNothing that was written is lost. Run the same command again; if it comes again, report this line.\n",
        one_line(what)
    ));
}
