//! A machine that has too little of something: nothing panics, and what can be known at the start is said at the start.

use std::process::Command;

use crate::support::{Desk, Served, partners};

#[test]
fn too_few_open_files_are_noticed_before_anything_is_sent() {
    let server = Served::new("");
    let desk = Desk::with(server.url(), &partners(["a", "b"], "USER", "2026-09"));
    // With fewer, the loader of the system does not get as far as this program.
    for files in [6, 7, 8, 10, 16, 30] {
        let limit = format!("ulimit -n {files}");
        for command in [
            desk.converge(),
            desk.plan(),
            desk.monthend(["check", "m.yaml"]),
            desk.monthend(["run", "m.yaml", "--sandbox"]),
            desk.monthend(["sandbox"]),
            desk.monthend(["init", "n.yaml", "--discover", "--base-url", server.url()]),
        ] {
            let ended = command.after(&limit).expect(70);
            ended.says(["too few files may be open at once", "ulimit -n 1024"]);
        }
        desk.monthend(["schema", "ledger"]).after(&limit).expect(0);
    }
    assert!(server.exchanges().is_empty());
    assert_eq!(desk.files(), ["m.yaml"]);
    let ended = desk.converge().arg("--collect").after("ulimit -n 40").expect(0);
    assert!(!ended.stderr.contains("fault"), "{ended}");
}

/// From the thread of this number on, none can be started.
const NO_THREADS: &str = r#"
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
static int count;
int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *), void *with) {
    int (*real)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *) = dlsym(RTLD_NEXT, "pthread_create");
    if (__sync_add_and_fetch(&count, 1) >= atoi(getenv("NO_THREAD_FROM"))) return EAGAIN;
    return real(thread, attributes, run, with);
}
"#;

#[cfg(target_os = "linux")]
#[test]
fn a_second_thread_that_cannot_be_had_is_no_panic() {
    let server = Served::new("");
    let desk = Desk::with(server.url(), &partners(["a", "b"], "USER", "2026-09"));
    let (source, library) = (desk.write("threads.c", NO_THREADS), desk.path("threads.so"));
    let mut compiler = Command::new("cc");
    let compiled =
        compiler.args(["-shared", "-fPIC", "-o"]).arg(&library).arg(source).arg("-ldl").status();
    if !compiled.is_ok_and(|status| status.success()) {
        println!("skipped: there is no C compiler");
        return;
    }
    let library = library.display().to_string();
    for from in 1..=6 {
        let with = |command: crate::support::Monthend| {
            command.env("LD_PRELOAD", &library).env("NO_THREAD_FROM", from.to_string())
        };
        let ended = with(desk.converge()).run();
        let code = ended.code;
        assert!(matches!(code, Some(0 | 70)), "{from}: {ended}");
        assert!(!ended.stderr.contains("panicked"), "{from}: {ended}");
        if from == 1 {
            ended.expect(70).says(["a second thread cannot be started"]);
            assert!(server.exchanges().is_empty());
        }
        with(desk.monthend(["schema", "ledger"])).expect(0);
    }
    with_all_rows_created(&desk);
}

#[track_caller]
fn with_all_rows_created(desk: &Desk) {
    assert_eq!(desk.ledger().count("created"), 2);
    desk.converge().expect(0);
}
