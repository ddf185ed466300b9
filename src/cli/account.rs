//! Who runs a command, for what is kept of it.

use super::{CliError, CliResult};
use crate::{output::history::Account, text::one_line};

/// As the system knows it. The environment has no part in it.
pub(super) fn account() -> Account {
    let known = |name: String| Some(one_line(&name)).filter(|name| !name.is_empty());
    Account {
        login: whoami::username().ok().and_then(known),
        host: whoami::hostname().ok().and_then(known),
    }
}

/// `--by`, else the login name.
pub(super) fn by(named: Option<&String>, account: &Account) -> CliResult<String> {
    named.or(account.login.as_ref()).cloned().ok_or_else(|| {
        let why = "the system knows no login name here; say who you are with --by NAME";
        CliError::Usage(why.to_owned())
    })
}
