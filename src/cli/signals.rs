//! As long as nothing was sent, the first signal ends the process; from then on it ends the command in good order, and
//! the second ends the process. They are heard on a thread of their own, whatever the command's thread is at.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::sync::watch;

use super::{CliError, CliResult, Exit};
use crate::{
    output::console,
    run::{Interrupt, Signal},
};

#[derive(Debug, Clone)]
pub(super) struct Signals {
    caught: watch::Receiver<Option<Signal>>,
    in_order: Arc<AtomicBool>,
}

impl Signals {
    /// A start that hangs in a read (a share that does not answer) cannot end in good order: a signal ends the process
    /// at once.
    pub(super) fn listen() -> Self {
        let (sender, caught) = watch::channel(None);
        let in_order = Arc::new(AtomicBool::new(false));
        let heard = {
            let in_order = Arc::clone(&in_order);
            move |signal| {
                let is_first = sender.send_replace(Some(signal)).is_none();
                if !(is_first && in_order.load(Ordering::SeqCst)) {
                    console::clear_bar();
                    // The journal is on the disk line by line, so nothing is lost by leaving now.
                    std::process::exit(Exit::Interrupted(signal).code().into());
                }
            }
        };
        let (ready, is_ready) = std::sync::mpsc::channel::<()>();
        let hearing = move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build();
            if let Ok(runtime) = runtime {
                runtime.block_on(async {
                    listen(heard);
                    drop(ready);
                    std::future::pending::<()>().await;
                });
            }
        };
        if std::thread::Builder::new().name("signals".to_owned()).spawn(hearing).is_ok() {
            let _ = is_ready.recv(); // ends once it listens
        }
        Signals { caught, in_order }
    }

    /// From now on the first signal only ends the command.
    pub(super) fn end_in_order(&self) {
        self.in_order.store(true, Ordering::SeqCst);
    }

    /// From now on a signal ends the process at once again.
    pub(super) fn end_at_once(&self) {
        self.in_order.store(false, Ordering::SeqCst);
    }

    pub(super) async fn caught(&self) -> Signal {
        self.interrupt(Duration::ZERO).caught().await
    }

    /// What `work` gives, unless a signal comes first.
    pub(super) async fn or<T>(&self, work: impl Future<Output = T>) -> CliResult<T> {
        tokio::select! {
            biased;
            signal = self.caught() => Err(CliError::Interrupted(signal)),
            done = work => Ok(done),
        }
    }

    /// For a run; `grace`: for requests in flight.
    pub(super) fn interrupt(&self, grace: Duration) -> Interrupt {
        Interrupt { signal: self.caught.clone(), grace }
    }
}

#[cfg(unix)]
fn listen(heard: impl Fn(Signal) + Clone + Send + 'static) {
    use tokio::signal::unix::{SignalKind, signal};

    let ignored = ignored();
    for (kind, meaning) in [
        (SignalKind::interrupt(), Signal::Int),
        (SignalKind::terminate(), Signal::Term),
        (SignalKind::hangup(), Signal::Hup),
    ] {
        // After a start with `nohup` a hang-up has to mean nothing.
        if ignored & (1 << (kind.as_raw_value() - 1)) != 0 {
            continue;
        }
        let Ok(mut stream) = signal(kind) else {
            continue;
        };
        let heard = heard.clone();
        tokio::spawn(async move {
            while stream.recv().await.is_some() {
                heard(meaning);
            }
        });
    }
    // Without a handler, writing beyond a file size limit kills the process; with one, it is an error.
    if let Ok(mut stream) = signal(SignalKind::from_raw(SIGXFSZ)) {
        tokio::spawn(async move { while stream.recv().await.is_some() {} });
    }
}

/// "File size limit exceeded", the same number on all systems that are built for.
#[cfg(unix)]
const SIGXFSZ: i32 = 25;

/// Signals that were ignored when we were started, one bit each; 0 where the system does not tell.
#[cfg(unix)]
fn ignored() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0)
}

/// Ctrl-C is all there is.
#[cfg(not(unix))]
fn listen(heard: impl Fn(Signal) + Send + 'static) {
    tokio::spawn(async move {
        while tokio::signal::ctrl_c().await.is_ok() {
            heard(Signal::Int);
        }
    });
}
