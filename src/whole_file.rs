//! Files that appear whole: written beside their place, made durable, then renamed.
//!
//! Whoever looks finds the old file or the new one, never a part, whatever crashes when.

use std::{
    ffi::{OsStr, OsString},
    fs::{self, File, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
};

use tempfile::{Builder, NamedTempFile};

/// What stands around the random part of an unfinished file's name.
const SUFFIX: &str = ".new";

/// A file that is being written, beside its place and under a name of its own. If it is dropped, the file is deleted.
#[derive(Debug)]
pub struct NewFile {
    file: NamedTempFile,
    place: PathBuf,
}

impl NewFile {
    /// Begins a file that will lie at `place`. It gets the permissions and, where the system lets us, the owner of the
    /// file that is there now. What a process that was killed left of such a file is deleted.
    ///
    /// # Errors
    /// The folder is missing or cannot be written.
    pub fn begin(place: &Path) -> io::Result<Self> {
        let prefix = unfinished(place);
        sweep(folder_of(place), &prefix);
        let mut builder = Builder::new();
        builder.prefix(&prefix).suffix(SUFFIX);
        #[cfg(unix)]
        let builder = {
            use std::os::unix::fs::PermissionsExt as _;
            // As for any new file, the user's umask takes from this.
            builder.permissions(fs::Permissions::from_mode(0o666))
        };
        let file = builder.tempfile_in(folder_of(place))?;
        // For as long as this process lives; where files cannot be locked, none is swept.
        let _ = file.as_file().try_lock();
        if let Ok(old) = fs::metadata(place) {
            file.as_file().set_permissions(old.permissions())?;
            keep_owner(file.as_file(), &old);
        }
        Ok(NewFile {
            file,
            place: place.to_owned(),
        })
    }

    /// Lets nobody but its owner read it.
    ///
    /// # Errors
    /// What the system said.
    pub fn for_its_owner_only(&self) -> io::Result<()> {
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let owner_only = fs::Permissions::from_mode(0o600);
            self.file.as_file().set_permissions(owner_only)?;
        }
        Ok(())
    }

    /// Makes it durable and puts it in its place, over what is there.
    ///
    /// # Errors
    /// What the system said; the old file is untouched then, unless only its folder could not be flushed.
    pub fn put_in_place(self) -> io::Result<()> {
        self.put_in_place_if(|| Ok(())).map(|_| ())
    }

    /// As [`NewFile::put_in_place`], if `may` agrees at the last moment: what it looks at can hardly change between its
    /// look and the renaming. Gives the file.
    ///
    /// # Errors
    /// What `may` said; as [`NewFile::put_in_place`].
    pub fn put_in_place_if(self, may: impl FnOnce() -> io::Result<()>) -> io::Result<File> {
        self.file.as_file().sync_all()?;
        may()?;
        let file = self.file.persist(&self.place).map_err(|e| e.error)?;
        sync_folder(&self.place)?;
        Ok(file)
    }
}

impl Write for NewFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// How the names of unfinished files for `place` begin: nobody else's do.
fn unfinished(place: &Path) -> OsString {
    let mut prefix = OsString::from(".");
    prefix.push(place.file_name().unwrap_or_default());
    prefix.push(".monthend-");
    prefix
}

/// Deletes the unfinished files that nobody is writing: whoever writes one holds its lock.
fn sweep(folder: &Path, prefix: &OsStr) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let name = name.as_encoded_bytes();
        if name.starts_with(prefix.as_encoded_bytes())
            && name.ends_with(SUFFIX.as_bytes())
            && File::open(entry.path()).is_ok_and(|file| file.try_lock().is_ok())
        {
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// Gives the file at `from`, which is whole and durable, the name `place`, over what is there, and makes that durable.
///
/// # Errors
/// What the system said.
pub fn put_in_place(from: &Path, place: &Path) -> io::Result<()> {
    fs::rename(from, place)?;
    sync_folder(place)
}

/// Whether the disk has no room.
pub fn is_full(error: &io::Error) -> bool {
    use io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
    matches!(error.kind(), StorageFull | QuotaExceeded | FileTooLarge)
}

/// What a person can do where a file cannot be written.
pub fn remedy(error: &io::Error) -> &'static str {
    match error.kind() {
        _ if is_full(error) => "make room",
        io::ErrorKind::ReadOnlyFilesystem => "make the file system writable",
        io::ErrorKind::PermissionDenied => "give yourself the right to write there",
        io::ErrorKind::NotADirectory => "move the file away that is in its place",
        _ => "see to the disk",
    }
}

/// Makes the folder at `path` and those above it, durably, where they are missing.
///
/// # Errors
/// What the system said.
pub fn make_folder(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    if let Some(above) = path.parent().filter(|above| !above.as_os_str().is_empty()) {
        make_folder(above)?;
    }
    match fs::create_dir(path) {
        Err(e) if e.kind() != io::ErrorKind::AlreadyExists || !path.is_dir() => Err(e),
        _ => sync_folder(path),
    }
}

/// Puts `contents` in the place of the file at `place`, whole or not at all. A device is written to, and stays.
///
/// # Errors
/// As [`NewFile::begin`] and [`NewFile::put_in_place`]; a full disk.
pub fn replace(place: &Path, contents: &[u8]) -> io::Result<()> {
    if is_device(place) {
        return OpenOptions::new()
            .write(true)
            .open(place)?
            .write_all(contents);
    }
    let mut file = NewFile::begin(place)?;
    file.write_all(contents)?;
    file.put_in_place()
}

/// Puts `contents` into a new file at `place`, whole or not at all, and never over one that is there.
///
/// # Errors
/// As [`replace`]; `AlreadyExists` where something is there, however short a time before.
pub fn create(place: &Path, contents: &[u8]) -> io::Result<()> {
    let mut new = NewFile::begin(place)?;
    new.write_all(contents)?;
    new.file.as_file().sync_all()?;
    new.file.persist_noclobber(place).map_err(|e| e.error)?;
    sync_folder(place)
}

/// Whether `path` is a device that takes what is written to it, such as a terminal.
#[cfg(unix)]
pub fn is_device(path: &Path) -> bool {
    use std::os::unix::fs::FileTypeExt as _;
    path.metadata()
        .is_ok_and(|there| there.file_type().is_char_device())
}

/// Whether `path` is a device: elsewhere no file is.
#[cfg(not(unix))]
pub fn is_device(_: &Path) -> bool {
    false
}

/// Makes the entry of `path` in its folder durable. Some network file systems cannot flush a folder and say that the
/// argument is invalid or the operation is not supported; there is nothing to wait for then.
fn sync_folder(path: &Path) -> io::Result<()> {
    if !cfg!(unix) {
        return Ok(());
    }
    match File::open(folder_of(path)).and_then(|folder| folder.sync_all()) {
        Err(e)
            if matches!(
                e.kind(),
                io::ErrorKind::InvalidInput
                    | io::ErrorKind::Unsupported
                    | io::ErrorKind::PermissionDenied
            ) =>
        {
            Ok(())
        }
        result => result,
    }
}

/// The folder that a file lies in, as its path says: `.` where that is a name only.
pub fn folder_of(path: &Path) -> &Path {
    path.parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."))
}

/// A run as root must not take a file away from its owner. Anyone else owns what they write.
#[cfg(unix)]
fn keep_owner(file: &File, old: &fs::Metadata) {
    use std::os::unix::fs::{MetadataExt as _, fchown};
    let _ = fchown(file, Some(old.uid()), Some(old.gid()));
}

#[cfg(not(unix))]
fn keep_owner(_: &File, _: &fs::Metadata) {}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        let mut names: Vec<String> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn a_file_appears_whole_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("a.csv");
        let mut file = NewFile::begin(&place).unwrap();
        file.write_all(b"half").unwrap();
        assert!(!place.exists());
        drop(file);
        assert_eq!(names(folder.path()), [""; 0]);
        replace(&place, b"one").unwrap();
        replace(&place, b"two").unwrap();
        assert_eq!(fs::read(&place).unwrap(), b"two");
        assert_eq!(names(folder.path()), ["a.csv"]);
    }

    /// Whoever finds out at the last moment that it must not be leaves no trace.
    #[test]
    fn a_file_that_may_not_take_its_place_is_gone() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("a.csv");
        replace(&place, b"one").unwrap();
        let mut file = NewFile::begin(&place).unwrap();
        file.write_all(b"two").unwrap();
        let refused = file.put_in_place_if(|| Err(io::Error::other("changed")));
        assert_eq!(refused.unwrap_err().to_string(), "changed");
        assert_eq!(fs::read(&place).unwrap(), b"one");
        assert_eq!(names(folder.path()), ["a.csv"]);
    }

    /// Nobody's file is written over but the one whose place it takes.
    #[test]
    fn a_neighbour_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let theirs = [
            "a.csv.new",
            ".a.csv.backup.new",
            ".b.csv.monthend-abcdef.new",
        ];
        for name in theirs {
            fs::write(folder.path().join(name), "theirs").unwrap();
        }
        replace(&folder.path().join("a.csv"), b"ours").unwrap();
        for name in theirs {
            assert_eq!(
                fs::read_to_string(folder.path().join(name)).unwrap(),
                "theirs"
            );
        }
    }

    /// What a killed process left has no lock any more; what another process is writing has one.
    #[test]
    fn what_was_left_half_written_goes_and_what_is_being_written_stays() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("a.csv");
        let left = folder.path().join(".a.csv.monthend-abcdef.new");
        fs::write(&left, "half").unwrap();
        let mut first = NewFile::begin(&place).unwrap();
        assert!(!left.exists());
        first.write_all(b"first").unwrap();
        replace(&place, b"second").unwrap();
        first.put_in_place().unwrap();
        assert_eq!(fs::read(&place).unwrap(), b"first");
        assert_eq!(names(folder.path()), ["a.csv"]);
    }

    #[cfg(unix)]
    #[test]
    fn permissions_stay_and_a_new_file_has_usual_ones() {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        let folder = tempfile::tempdir().unwrap();
        let (usual, ours) = (folder.path().join("usual"), folder.path().join("ours"));
        File::create(&usual).unwrap();
        replace(&ours, b"1").unwrap();
        assert_eq!(mode(&ours), mode(&usual));
        fs::set_permissions(&ours, fs::Permissions::from_mode(0o640)).unwrap();
        replace(&ours, b"2").unwrap();
        assert_eq!(mode(&ours), 0o640);
    }
}
