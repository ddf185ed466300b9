//! The `^C` that a terminal writes when Ctrl-C is typed would push the line at the bottom up by one, where nothing erases
//! it. So it is turned off while that line is there.

#[cfg(unix)]
pub(super) use unix::Unechoed;

/// Elsewhere terminals write nothing.
#[cfg(not(unix))]
#[derive(Debug)]
pub(super) struct Unechoed;

#[cfg(not(unix))]
impl Unechoed {
    /// Nothing to turn off.
    pub(super) fn begin() -> Option<Self> {
        None
    }
}

#[cfg(unix)]
mod unix {
    use std::io;

    use rustix::{
        process::getpgrp,
        termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcgetpgrp, tcsetattr},
    };

    /// Control characters are not shown on the terminal that stderr is, until this is dropped.
    #[derive(Debug)]
    pub(in crate::output) struct Unechoed(Termios);

    impl Unechoed {
        /// None where stderr is no terminal, or somebody else's at the moment.
        pub(in crate::output) fn begin() -> Option<Self> {
            let before = tcgetattr(io::stderr()).ok()?;
            let mut modes = before.clone();
            modes.local_modes.remove(LocalModes::ECHOCTL);
            set(&modes).then_some(Unechoed(before))
        }
    }

    impl Drop for Unechoed {
        fn drop(&mut self) {
            set(&self.0);
        }
    }

    /// In the background this would stop the process (POSIX, General Terminal Interface, 11.1.4), so there it is left out.
    fn set(modes: &Termios) -> bool {
        let stderr = io::stderr();
        let is_ours = tcgetpgrp(&stderr).is_ok_and(|group| group == getpgrp());
        is_ours && tcsetattr(&stderr, OptionalActions::Now, modes).is_ok()
    }
}
