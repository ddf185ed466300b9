//! The `^C` that a terminal echoes would push the bottom line up by one, where nothing erases it: echo is off
//! meanwhile.

#[cfg(unix)]
pub(super) use unix::Unechoed;

#[cfg(not(unix))]
#[derive(Debug)]
pub(super) struct Unechoed;

#[cfg(not(unix))]
impl Unechoed {
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

    /// The terminal that is stderr echoes no control characters until this is dropped.
    #[derive(Debug)]
    pub(in crate::output) struct Unechoed(Termios);

    impl Unechoed {
        /// None where stderr is no terminal, or belongs to another process group at the moment.
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
