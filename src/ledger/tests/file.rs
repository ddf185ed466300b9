//! The file, its lock, and others who touch it.

use std::{fs, path::PathBuf};

use super::*;

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Folder(tempfile::tempdir().unwrap())
    }

    fn ledger(&self) -> PathBuf {
        self.0.path().join("l.csv")
    }

    fn text(&self) -> String {
        fs::read_to_string(self.ledger()).unwrap()
    }

    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.0.path()).unwrap();
        let mut names: Vec<String> =
            entries.map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

#[tokio::test]
async fn a_file_is_appended_to_and_replaced_whole() {
    let folder = Folder::new();
    let disk = FileDisk::new(folder.ledger(), None);
    disk.replace(b"one\n".to_vec()).await.unwrap();
    disk.append(b"two\n".to_vec()).await.unwrap();
    disk.sync().await.unwrap();
    assert_eq!(folder.text(), "one\ntwo\n");
    disk.replace(b"three\n".to_vec()).await.unwrap();
    disk.append(b"four\n".to_vec()).await.unwrap();
    assert_eq!(folder.text(), "three\nfour\n");
    assert_eq!(folder.names(), ["l.csv"]);
}

#[tokio::test]
async fn whoever_touches_the_file_during_a_run_is_noticed() {
    type Touch = fn(&std::path::Path);
    let touches: [(&str, Touch); 4] = [
        ("deleted", |path| fs::remove_file(path).unwrap()),
        ("replaced", |path| {
            fs::write(path.with_extension("other"), "one\n").unwrap();
            fs::rename(path.with_extension("other"), path).unwrap();
        }),
        ("shortened", |path| fs::write(path, "").unwrap()),
        ("written to", |path| fs::write(path, "one\nmine\n").unwrap()),
    ];
    for (what, touch) in touches {
        let folder = Folder::new();
        let disk = FileDisk::new(folder.ledger(), None);
        disk.replace(b"one\n".to_vec()).await.unwrap();
        touch(&folder.ledger());
        let before = fs::read(folder.ledger()).ok();
        for error in [
            disk.append(b"two\n".to_vec()).await.unwrap_err(),
            disk.replace(b"three\n".to_vec()).await.unwrap_err(),
        ] {
            assert!(error.to_string().contains(what), "{what}: {error}");
        }
        assert_eq!(fs::read(folder.ledger()).ok(), before, "theirs is left alone");
    }
}

/// Of the same length and with the file's old time put back: before a line by the file's trace, before the file is
/// replaced by its bytes.
#[cfg(unix)]
#[tokio::test]
async fn an_edit_in_place_is_noticed() {
    let folder = Folder::new();
    let disk = FileDisk::new(folder.ledger(), None);
    disk.replace(b"one\n".to_vec()).await.unwrap();
    let written = fs::metadata(folder.ledger()).unwrap().modified().unwrap();
    let file = fs::OpenOptions::new().write(true).open(folder.ledger()).unwrap();
    std::io::Write::write_all(&mut &file, b"two").unwrap();
    file.set_modified(written).unwrap();
    for error in [
        disk.append(b"three\n".to_vec()).await.unwrap_err(),
        disk.replace(b"three\n".to_vec()).await.unwrap_err(),
    ] {
        assert!(error.to_string().contains("changed"), "{error}");
    }
    assert_eq!(folder.text(), "two\n");
}

/// The clock of a file system stands still for some milliseconds: an edit within them leaves no trace.
#[tokio::test]
async fn an_edit_without_a_trace_is_noticed_before_the_file_is_replaced() {
    let times = |path: &std::path::Path| fs::metadata(path).unwrap().modified().unwrap();
    for _ in 0..200 {
        let folder = Folder::new();
        let disk = FileDisk::new(folder.ledger(), None);
        disk.replace(b"one\n".to_vec()).await.unwrap();
        let written = times(&folder.ledger());
        fs::write(folder.ledger(), "two\n").unwrap();
        let traceless = times(&folder.ledger()) == written;
        let error = disk.replace(b"three\n".to_vec()).await.unwrap_err();
        assert!(error.to_string().contains("changed"), "{error}");
        if traceless {
            return;
        }
    }
}

/// Permissions, a backup's link, a time: the contents are what counts.
#[cfg(unix)]
#[tokio::test]
async fn who_only_touches_a_file_is_no_reason_to_stop() {
    use std::os::unix::fs::PermissionsExt as _;
    type Touch = fn(&std::path::Path);
    let touches: [Touch; 3] = [
        |path| fs::set_permissions(path, fs::Permissions::from_mode(0o640)).unwrap(),
        |path| fs::hard_link(path, path.with_extension("backup")).unwrap(),
        |path| fs::File::open(path).unwrap().set_modified(std::time::UNIX_EPOCH).unwrap(),
    ];
    for touch in touches {
        let folder = Folder::new();
        let disk = FileDisk::new(folder.ledger(), None);
        disk.replace(b"one\n".to_vec()).await.unwrap();
        disk.append(b"two\n".to_vec()).await.unwrap();
        touch(&folder.ledger());
        disk.append(b"three\n".to_vec()).await.unwrap();
        assert_eq!(folder.text(), "one\ntwo\nthree\n");
        disk.replace(b"four\n".to_vec()).await.unwrap();
        assert_eq!(folder.text(), "four\n");
    }
}

/// Whatever was read is kept, to the byte, where the first write finds another file.
#[tokio::test]
async fn what_was_read_is_saved_where_the_file_was_changed_meanwhile() {
    let folder = Folder::new();
    let mut torn = sample().to_csv();
    torn.extend(b"r0123456789abcdef,own,");
    fs::write(folder.ledger(), &torn).unwrap();
    let (held, lock) = LedgerFile::hold(&folder.ledger(), at(0)).unwrap();
    fs::write(folder.ledger(), ledger([]).to_csv()).unwrap();
    let error = held.write(&sample(), at(9)).await.unwrap_err();
    let LedgerError::Tampered { saved: RescueResult::NextTo { rescued, .. }, .. } = &error else {
        panic!("{error}");
    };
    assert_eq!(fs::read(rescued).unwrap(), torn);
    assert_eq!(fs::read(folder.ledger()).unwrap(), ledger([]).to_csv());
    lock.release(at(0));
}

#[cfg(unix)]
#[tokio::test]
async fn permissions_stay_and_links_lead_to_the_same_file() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = Folder::new();
    let real = folder.0.path().join("real.csv");
    fs::write(&real, sample().to_csv()).unwrap();
    fs::set_permissions(&real, fs::Permissions::from_mode(0o640)).unwrap();
    std::os::unix::fs::symlink(&real, folder.ledger()).unwrap();
    let (held, _lock) = LedgerFile::hold(&folder.ledger(), at(0)).unwrap();
    assert_eq!(held.reading.unwrap().ledger, sample());
    held.disk.replace(b"new\n".to_vec()).await.unwrap();
    assert!(fs::symlink_metadata(folder.ledger()).unwrap().is_symlink());
    assert_eq!(fs::read_to_string(&real).unwrap(), "new\n");
    let mode = fs::metadata(&real).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o640);
}

#[test]
fn a_second_holder_is_told_who_holds_it() {
    let folder = Folder::new();
    let (held, lock) = LedgerFile::hold(&folder.ledger(), at(0)).unwrap();
    assert!(held.reading.is_none());
    match LedgerFile::hold(&folder.ledger(), at(1)) {
        Err(e @ LedgerError::InUse { .. }) => {
            let me = format!("process {} on ", std::process::id());
            assert!(e.to_string().contains(&me), "{e}");
        }
        other => panic!("{other:?}"),
    }
    lock.release(at(2));
    assert_eq!(folder.names(), [""; 0]);
    LedgerFile::hold(&folder.ledger(), at(3)).unwrap();
}

/// The operating system closes a killed process's files; what lies there then must not block.
#[test]
fn a_lock_that_a_killed_process_left_does_not_block() {
    let folder = Folder::new();
    drop(Lock::take(&folder.ledger(), at(0)).unwrap());
    assert_eq!(folder.names(), ["l.csv.lock"]);
    Lock::take(&folder.ledger(), at(1)).unwrap().release(at(1));
    for left in ["", "{", "{\"holder\":null}", "{\"holder\":\0\0", "\0\0\n"] {
        fs::write(Lock::path_of(&folder.ledger()), left).unwrap();
        Lock::take(&folder.ledger(), at(2)).unwrap();
    }
}

/// A lock is written over and deleted.
#[test]
fn a_file_of_somebody_else_is_no_lock() {
    let folder = Folder::new();
    let path = Lock::path_of(&folder.ledger());
    for theirs in ["my notes\n", "holder", "{\"a\": 1}", "[1]", "\u{feff}notes"] {
        fs::write(&path, theirs).unwrap();
        let refused = Lock::take(&folder.ledger(), at(2)).unwrap_err().to_string();
        assert!(refused.contains("l.csv.lock"), "{refused}");
        assert_eq!(fs::read_to_string(&path).unwrap(), theirs);
        assert!(Lock::peek_holder(&folder.ledger(), at(2)).is_none());
    }
}

#[test]
fn a_pause_is_remembered_until_it_ends() {
    let folder = Folder::new();
    let pause =
        |server: &str, until| Pause { server: server.to_owned(), since: at(0), until: at(until) };
    let mut lock = Lock::take(&folder.ledger(), at(0)).unwrap();
    lock.remember(pause("a", 100)).unwrap();
    lock.remember(pause("a", 50)).unwrap();
    lock.remember(pause("b", 10)).unwrap();
    assert_eq!(lock.pause("a"), Some(at(100)));
    drop(lock); // killed

    let lock = Lock::take(&folder.ledger(), at(20)).unwrap();
    assert_eq!((lock.pause("a"), lock.pause("b")), (Some(at(100)), None));
    lock.release(at(30));
    assert_eq!(folder.names(), ["l.csv.lock"], "the pause still binds");

    let lock = Lock::take(&folder.ledger(), at(100)).unwrap();
    assert_eq!(lock.pause("a"), None);
    lock.release(at(100));
    assert_eq!(folder.names(), [""; 0]);
}

/// Somebody sets the clock back by a day: the pause begins again, and is no longer than it was announced.
#[test]
fn a_pause_is_never_kept_longer_than_it_was_announced() {
    let folder = Folder::new();
    let day = 86_400;
    let mut lock = Lock::take(&folder.ledger(), at(day)).unwrap();
    let pause = Pause { server: "a".to_owned(), since: at(day), until: at(day + 30) };
    lock.remember(pause).unwrap();
    lock.release(at(day));

    assert_eq!(Lock::peek_pause(&folder.ledger(), "a", at(0)), Some(at(30)));
    let lock = Lock::take(&folder.ledger(), at(0)).unwrap();
    assert_eq!(lock.pause("a"), Some(at(30)));
    lock.release(at(1));
    // From here on the clock runs, so the next process waits for what is left.
    let lock = Lock::take(&folder.ledger(), at(20)).unwrap();
    assert_eq!(lock.pause("a"), Some(at(30)));
    lock.release(at(30));
    assert_eq!(folder.names(), [""; 0]);
}

/// A server that asks for years shuts no ledger, whatever wrote the lock file.
#[test]
fn a_pause_of_years_binds_for_a_day() {
    let folder = Folder::new();
    let (day, year) = (86_400, 365 * 86_400);
    let mut lock = Lock::take(&folder.ledger(), at(0)).unwrap();
    lock.remember(Pause { server: "a".to_owned(), since: at(0), until: at(10 * year) }).unwrap();
    lock.release(at(1));
    for (now, until) in [(1, Some(day)), (day - 1, Some(day)), (day, None)] {
        let kept = Lock::peek_pause(&folder.ledger(), "a", at(now)).filter(|it| *it > at(now));
        assert_eq!(kept, until.map(at), "{now}");
    }
    let lock = Lock::take(&folder.ledger(), at(day)).unwrap();
    assert_eq!(lock.pause("a"), None);
    lock.release(at(day));
    assert_eq!(folder.names(), [""; 0]);

    // One that does not say when it was announced, and one that ends before it began.
    let lock_file = Lock::path_of(&folder.ledger());
    for (pause, until) in [
        (r#"{"server":"a","until":"2300-01-01T00:00:00Z"}"#, at(day)),
        (r#"{"server":"a","since":"2900-01-01T00:00:00Z","until":"1970-01-01T00:00:00Z"}"#, at(0)),
    ] {
        fs::write(&lock_file, format!(r#"{{"holder":null,"pauses":[{pause}]}}"#)).unwrap();
        assert_eq!(Lock::peek_pause(&folder.ledger(), "a", at(0)), Some(until));
    }
}

#[test]
fn a_pause_that_is_forgotten_is_gone() {
    let folder = Folder::new();
    let mut lock = Lock::take(&folder.ledger(), at(0)).unwrap();
    for server in ["a", "b"] {
        let server = server.to_owned();
        let (since, until) = (at(0), at(100));
        lock.remember(Pause { server, since, until }).unwrap();
    }
    assert_eq!(lock.forget_pause("a").unwrap(), Some(at(100)));
    assert_eq!(lock.forget_pause("a").unwrap(), None);
    lock.release(at(1));
    let lock = Lock::take(&folder.ledger(), at(2)).unwrap();
    assert_eq!((lock.pause("a"), lock.pause("b")), (None, Some(at(100))));
}

#[test]
fn a_ledger_that_is_not_one_is_left_unlocked() {
    let folder = Folder::new();
    fs::write(folder.ledger(), "shopping list\n").unwrap();
    LedgerFile::hold(&folder.ledger(), at(0)).unwrap_err();
    assert_eq!(folder.names(), ["l.csv"]);
}
