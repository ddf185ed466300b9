//! The `monthend` command; see the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    monthend::main()
}
