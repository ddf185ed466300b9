//! Signals: the first ends a run in good order, the second ends the process.

use tokio::sync::watch;

use super::exit::Exit;
use crate::runner::Signal;

/// Listens from now on. What was caught stays in the channel.
#[cfg(unix)]
pub(super) fn listen() -> watch::Receiver<Option<Signal>> {
    use tokio::signal::unix::{SignalKind, signal};

    let (caught, receiver) = watch::channel(None);
    let ignored = ignored();
    for (kind, meaning) in [
        (SignalKind::interrupt(), Signal::Int),
        (SignalKind::terminate(), Signal::Term),
        (SignalKind::hangup(), Signal::Hup),
    ] {
        // Whoever started us with `nohup` wants a hang-up to mean nothing.
        if ignored & (1 << (kind.as_raw_value() - 1)) != 0 {
            continue;
        }
        let Ok(mut stream) = signal(kind) else {
            continue;
        };
        let caught = caught.clone();
        tokio::spawn(async move {
            while stream.recv().await.is_some() {
                let second = caught.borrow().is_some();
                if second {
                    // The journal is on the disk line by line, so nothing is lost by leaving now.
                    std::process::exit(Exit::Interrupted(meaning).code().into());
                }
                caught.send_replace(Some(meaning));
            }
        });
    }
    // Without a handler, writing beyond a file size limit kills the process; with one, it is an error.
    if let Ok(mut stream) = signal(SignalKind::from_raw(SIGXFSZ)) {
        tokio::spawn(async move { while stream.recv().await.is_some() {} });
    }
    receiver
}

/// "File size limit exceeded", the same number on all systems that are built for.
#[cfg(unix)]
const SIGXFSZ: i32 = 25;

/// The signals that were ignored when we were started, one bit each; none where the system does not tell.
#[cfg(unix)]
fn ignored() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .unwrap_or(0)
}

/// Listens from now on for Ctrl-C.
#[cfg(not(unix))]
pub(super) fn listen() -> watch::Receiver<Option<Signal>> {
    let (caught, receiver) = watch::channel(None);
    tokio::spawn(async move {
        while tokio::signal::ctrl_c().await.is_ok() {
            if caught.send_replace(Some(Signal::Int)).is_some() {
                std::process::exit(Exit::Interrupted(Signal::Int).code().into());
            }
        }
    });
    receiver
}

/// Waits for the first signal.
pub(super) async fn caught(mut signals: watch::Receiver<Option<Signal>>) -> Signal {
    match signals
        .wait_for(Option::is_some)
        .await
        .ok()
        .and_then(|s| *s)
    {
        Some(signal) => signal,
        None => std::future::pending().await,
    }
}
