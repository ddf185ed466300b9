//! `cargo bench --bench collecting`: what collecting costs.
//!
//! In simulated time, the same on every machine: how many requests the API gets for each collected report, and how
//! much longer all of it takes than it must. Then the real program against a server on loopback: one large file next to
//! `curl | tee | sha256sum`, and many small ones from a host that takes its time. That part needs `curl` and
//! `sha256sum`, about 3 GB of disk for a file of 1 GB, and reads its size in MB from `MONTHEND_BENCH_MB`.

#![expect(clippy::unwrap_used, reason = "it ends where something is missing")]

mod downloads;
mod server;
mod simulated;

fn main() {
    println!("300 reports that take 60 s each, at 300 requests a minute, in simulated time\n");
    simulated::table();
    println!("\ndownloads, on this machine\n");
    downloads::large();
    downloads::small();
}
