//! The `monthend` command; see the library's `cli` module.

use std::process::ExitCode;

fn main() -> ExitCode {
    monthend::cli::main()
}
