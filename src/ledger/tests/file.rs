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
        let mut names: Vec<String> = entries
            .map(|e| e.unwrap().file_name().into_string().unwrap())
            .collect();
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
        assert_eq!(
            fs::read(folder.ledger()).ok(),
            before,
            "theirs is left alone"
        );
    }
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
            let me = format!("process {}, since ", std::process::id());
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
    for left in ["", "{", "{\"holder\":null}", "not json at all"] {
        fs::write(Lock::path_of(&folder.ledger()), left).unwrap();
        Lock::take(&folder.ledger(), at(2)).unwrap();
    }
}

#[test]
fn a_pause_is_remembered_until_it_ends() {
    let folder = Folder::new();
    let pause = |server: &str, until| Pause {
        server: server.to_owned(),
        since: at(0),
        until: at(until),
    };
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
    let pause = Pause {
        server: "a".to_owned(),
        since: at(day),
        until: at(day + 30),
    };
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

#[test]
fn a_ledger_that_is_not_one_is_left_unlocked() {
    let folder = Folder::new();
    fs::write(folder.ledger(), "shopping list\n").unwrap();
    LedgerFile::hold(&folder.ledger(), at(0)).unwrap_err();
    assert_eq!(folder.names(), ["l.csv"]);
}
