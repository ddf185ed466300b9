//! Files that appear whole: written next to their place, made durable, then renamed, so a crash leaves the old file or
//! the new one. Permissions and owners are kept where the file system takes them; [`try_folder`] tries early what is
//! needed.

mod hashing_reader;

use std::{
    ffi::{OsStr, OsString},
    fs::{self, File, OpenOptions},
    io::{self, BufRead as _, BufReader, Read as _, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
    sync::Once,
};

#[cfg(unix)]
use rustix::fs::OFlags;
use tempfile::{Builder, NamedTempFile};

pub use hashing_reader::HashingReader;

/// The end of an unfinished file's name, behind its random part.
const SUFFIX: &str = ".new";

/// A file that is being written next to its place. If it is dropped, it is deleted.
#[derive(Debug)]
pub struct NewFile {
    file: NamedTempFile,
    place: PathBuf,
}

impl NewFile {
    /// Takes the permissions and, where the system lets us, the owner of the file at `place`, which must be replaceable
    /// ([`refuse_mounted`]). Deletes what a killed process left of such a file.
    pub fn begin(place: &Path) -> io::Result<Self> {
        refuse_mounted(place)?;
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
            set_permissions(file.as_file(), place, old.permissions())?;
            keep_owner(file.as_file(), &old);
        }
        Ok(NewFile { file, place: place.to_owned() })
    }

    /// Where it will be.
    pub fn place(&self) -> &Path {
        &self.place
    }

    /// Lets nobody but its owner read it.
    pub fn for_its_owner_only(&self) -> io::Result<()> {
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let owner_only = fs::Permissions::from_mode(0o600);
            set_permissions(self.file.as_file(), &self.place, owner_only)?;
        }
        Ok(())
    }

    /// Makes it durable and replaces `place`. After an error the old file is untouched, unless only its folder could
    /// not be flushed.
    pub fn put_in_place(self) -> io::Result<()> {
        self.put_in_place_if(|| Ok(())).map(|_| ())
    }

    /// As [`NewFile::put_in_place`], if `may` agrees just before the renaming.
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

impl Seek for NewFile {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.file.seek(to)
    }
}

/// Where the file system has no permissions (CIFS, exFAT), one warning says so.
fn set_permissions(file: &File, place: &Path, to: fs::Permissions) -> io::Result<()> {
    static TOLD: Once = Once::new();
    if file.metadata().is_ok_and(|it| it.permissions() == to) {
        return Ok(());
    }
    match file.set_permissions(to) {
        Err(e) if is_beyond(&e) => {
            TOLD.call_once(|| {
                tracing::warn!(
                    "the file system of {} does not take permissions ({e}); who may read what is written there is up to it",
                    folder_of(place).display()
                );
            });
            Ok(())
        }
        result => result,
    }
}

/// Whether the file system does not have what was asked for.
fn is_beyond(error: &io::Error) -> bool {
    use io::ErrorKind::{InvalidInput, PermissionDenied, Unsupported};
    matches!(error.kind(), InvalidInput | PermissionDenied | Unsupported)
}

/// Containers mount single files: nothing can take the place of such a file.
pub fn refuse_mounted(place: &Path) -> io::Result<()> {
    if is_mounted(place) {
        return Err(io::Error::new(
            io::ErrorKind::ResourceBusy,
            "this file is mounted by itself, so it cannot be replaced; mount its folder instead",
        ));
    }
    Ok(())
}

#[cfg(target_os = "linux")]
fn is_mounted(place: &Path) -> bool {
    use rustix::fs::{AtFlags, CWD, StatxAttributes, StatxFlags, statx};
    let is_file = place.is_file();
    // Kernels before 5.8 do not tell.
    let found = statx(CWD, place, AtFlags::empty(), StatxFlags::empty());
    is_file && found.is_ok_and(|found| found.stx_attributes.contains(StatxAttributes::MOUNT_ROOT))
}

#[cfg(not(target_os = "linux"))]
fn is_mounted(_: &Path) -> bool {
    false
}

/// Tries in `folder` what a ledger needs: files that can be written, made durable, locked and renamed over others.
/// Leaves nothing there.
pub fn try_folder(folder: &Path) -> io::Result<()> {
    let new = || Builder::new().prefix(".monthend.").tempfile_in(folder);
    let (old, mut new) = (new()?, new()?);
    new.write_all(&[0; 4096])?;
    new.as_file().sync_all()?;
    new.as_file().try_lock()?;
    let place = old.into_temp_path();
    new.persist(&place).map_err(|e| e.error)?;
    sync_folder(&place)?;
    place.close()
}

/// Opens only a regular file, or a link to one: opening a pipe or a device may wait for ever, and what is read there
/// may have no end. It is looked at each time, since it may have changed.
pub fn open_regular(path: &Path) -> io::Result<File> {
    refuse_irregular(&fs::metadata(path)?)?;
    let mut options = OpenOptions::new();
    options.read(true);
    without_waiting(&mut options);
    let file = options.open(path)?;
    refuse_irregular(&file.metadata()?)?;
    Ok(file)
}

/// At most `limit` bytes; [`io::ErrorKind::FileTooLarge`] where it is longer.
pub fn read_regular(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    let file = open_regular(path)?;
    let too_large =
        || io::Error::new(io::ErrorKind::FileTooLarge, format!("it is larger than {limit} bytes"));
    if file.metadata()?.len() > limit {
        return Err(too_large());
    }
    let mut bytes = Vec::new();
    // A file may grow meanwhile.
    let length = file.take(limit + 1).read_to_end(&mut bytes)?;
    if length as u64 > limit {
        return Err(too_large());
    }
    Ok(bytes)
}

/// Of a regular file, with its line feed; only the beginning where it is very long.
pub fn read_first_line(path: &Path) -> io::Result<Vec<u8>> {
    const MOST: u64 = 64 * 1024;
    let mut line = Vec::new();
    BufReader::new(open_regular(path)?.take(MOST)).read_until(b'\n', &mut line)?;
    Ok(line)
}

/// Opening a pipe would wait for its other end; of a regular file this changes nothing (POSIX, `open`).
pub(crate) fn without_waiting(options: &mut OpenOptions) {
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::custom_flags(options, WITHOUT_WAITING.bits().cast_signed());
    #[cfg(not(unix))]
    let _ = options;
}

/// As [`without_waiting`], and a link is not followed.
pub(crate) fn without_links(options: &mut OpenOptions) {
    #[cfg(unix)]
    {
        let flags = WITHOUT_WAITING.union(OFlags::NOFOLLOW);
        std::os::unix::fs::OpenOptionsExt::custom_flags(options, flags.bits().cast_signed());
    }
    #[cfg(not(unix))]
    let _ = options;
}

#[cfg(unix)]
const WITHOUT_WAITING: OFlags = OFlags::NONBLOCK.union(OFlags::NOCTTY);

/// The error says what it is.
pub(crate) fn refuse_irregular(found: &fs::Metadata) -> io::Result<()> {
    if found.is_file() {
        return Ok(());
    }
    let kind = if found.is_dir() { "a folder" } else { special(found) };
    let why = format!("it is {kind}, and must be a regular file");
    Err(io::Error::new(io::ErrorKind::InvalidInput, why))
}

#[cfg(unix)]
fn special(found: &fs::Metadata) -> &'static str {
    use std::os::unix::fs::FileTypeExt as _;
    let kind = found.file_type();
    if kind.is_fifo() {
        "a pipe"
    } else if kind.is_socket() {
        "a socket"
    } else {
        "a device"
    }
}

#[cfg(not(unix))]
fn special(_: &fs::Metadata) -> &'static str {
    "something else"
}

/// The beginning of names of unfinished files for `place`; no other file has it.
fn unfinished(place: &Path) -> OsString {
    let mut prefix = OsString::from(".");
    prefix.push(place.file_name().unwrap_or_default());
    prefix.push(".monthend-");
    prefix
}

/// Deletes unfinished files without a lock: nobody is writing these.
fn sweep(folder: &Path, prefix: &OsStr) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let name = name.as_encoded_bytes();
        if name.starts_with(prefix.as_encoded_bytes())
            && name.ends_with(SUFFIX.as_bytes())
            && open_regular(&entry.path()).is_ok_and(|file| file.try_lock().is_ok())
        {
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// Renames `from`, which is whole and durable, over `place`, and makes that durable.
pub fn put_in_place(from: &Path, place: &Path) -> io::Result<()> {
    fs::rename(from, place)?;
    sync_folder(place)
}

/// `path` with `end` added to its name, of which a slash behind it is no part.
pub fn with_end(path: &Path, end: &str) -> PathBuf {
    let mut name = path.components().as_path().as_os_str().to_owned();
    name.push(end);
    name.into()
}

/// Belongs to the CSV file at `path`: `NAME.csv` becomes `NAME.extension`, and any other name gets the extension.
pub fn companion(path: &Path, extension: &str) -> PathBuf {
    match path.extension() {
        Some(csv) if csv == "csv" => path.with_extension(extension),
        _ => with_end(path, &format!(".{extension}")),
    }
}

/// `NAME.old`: where [`set_aside`] puts a file if nothing is there.
pub fn old_name(place: &Path) -> PathBuf {
    with_end(place, ".old")
}

/// Renames the file to `NAME.old`, or to the first free one of `NAME.old-1`, `NAME.old-2` and so on. Gives that name.
pub fn set_aside(place: &Path) -> io::Result<PathBuf> {
    let old = old_name(place);
    let numbered = (1_u32..).map(|n| with_end(&old, &format!("-{n}")));
    let mut names = std::iter::once(old.clone()).chain(numbered);
    let is_free = |name: &PathBuf| name.symlink_metadata().is_err();
    let free = names.find(is_free).ok_or(io::ErrorKind::AlreadyExists)?;
    fs::rename(place, &free)?;
    Ok(free)
}

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

/// Makes the folder and those above it, durably, where they are missing.
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

/// Replaces the file at `place`, whole or not at all. A device is written to, and stays.
pub fn replace(place: &Path, contents: &[u8]) -> io::Result<()> {
    if is_device(place) {
        return OpenOptions::new().write(true).open(place)?.write_all(contents);
    }
    let mut file = NewFile::begin(place)?;
    file.write_all(contents)?;
    file.put_in_place()
}

/// Makes a new file, whole or not at all; `AlreadyExists` where something is there, however short a time before.
pub fn create(place: &Path, contents: &[u8]) -> io::Result<()> {
    let mut new = NewFile::begin(place)?;
    new.write_all(contents)?;
    new.file.as_file().sync_all()?;
    match new.file.persist_noclobber(place) {
        // It takes a kind of renaming, or hard links, that not every file system has.
        Err(e) if is_beyond(&e.error) && !place.exists() => {
            let mut file = OpenOptions::new().write(true).create_new(true).open(place)?;
            file.write_all(contents)?;
            file.sync_all()?;
        }
        result => drop(result.map_err(|e| e.error)?),
    }
    sync_folder(place)
}

/// A device takes what is written to it, as a terminal does.
#[cfg(unix)]
pub fn is_device(path: &Path) -> bool {
    use std::os::unix::fs::FileTypeExt as _;
    path.metadata().is_ok_and(|there| there.file_type().is_char_device())
}

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
        Err(e) if is_beyond(&e) => Ok(()),
        result => result,
    }
}

/// What lies in a folder; nothing where it cannot be looked into.
pub fn names_in(folder: &Path) -> impl Iterator<Item = String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| entry.file_name().to_string_lossy().into_owned())
}

/// What lies in the folder of `path`, by name; none where the folder cannot be read.
pub fn paths_next_to(path: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder_of(path)).into_iter().flatten().flatten();
    let mut paths: Vec<PathBuf> = entries.map(|it| path.with_file_name(it.file_name())).collect();
    paths.sort();
    paths
}

/// `.` where `path` is only a name.
pub fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
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
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
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
        let theirs = ["a.csv.new", ".a.csv.backup.new", ".b.csv.monthend-abcdef.new"];
        for name in theirs {
            fs::write(folder.path().join(name), "theirs").unwrap();
        }
        replace(&folder.path().join("a.csv"), b"ours").unwrap();
        for name in theirs {
            assert_eq!(fs::read_to_string(folder.path().join(name)).unwrap(), "theirs");
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

    #[test]
    fn names_of_neighbours_are_made_from_a_name() {
        for (path, end, companion_of_it) in [
            ("a/m.csv", "a/m.csv.lock", "a/m.lock"),
            ("m.ledger.csv", "m.ledger.csv.lock", "m.ledger.lock"),
            ("a/m", "a/m.lock", "a/m.lock"),
            ("a.b/", "a.b.lock", "a.b.lock"),
        ] {
            assert_eq!(with_end(Path::new(path), ".lock"), Path::new(end));
            assert_eq!(companion(Path::new(path), "lock"), Path::new(companion_of_it));
        }
    }

    #[test]
    fn a_folder_is_tried_and_nothing_stays() {
        let folder = tempfile::tempdir().unwrap();
        try_folder(folder.path()).unwrap();
        assert_eq!(names(folder.path()), [""; 0]);
        assert!(try_folder(&folder.path().join("missing")).is_err());
    }

    /// `/proc` refuses permissions as CIFS and exFAT do: EPERM.
    #[cfg(target_os = "linux")]
    #[test]
    fn permissions_that_the_file_system_does_not_take_are_skipped() {
        use std::os::unix::fs::PermissionsExt as _;
        let file = File::open("/proc/self/status").unwrap();
        let to = fs::Permissions::from_mode(0o600);
        let refused = file.set_permissions(to.clone()).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::PermissionDenied);
        set_permissions(&file, Path::new("/proc/self/status"), to).unwrap();
    }

    #[cfg(unix)]
    #[test]
    fn only_regular_files_of_a_size_are_read() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("a"), "12345").unwrap();
        std::os::unix::fs::symlink("a", folder.path().join("link")).unwrap();
        for (name, limit, read) in [
            ("a", 5, Ok("12345")),
            ("link", 9, Ok("12345")),
            ("a", 4, Err("larger than 4 bytes")),
            (".", 9, Err("a folder")),
            ("/dev/zero", 9, Err("a device")),
            ("none", 9, Err("No such file")),
        ] {
            let found = read_regular(&folder.path().join(name), limit);
            match read {
                Ok(text) => assert_eq!(found.unwrap(), text.as_bytes(), "{name}"),
                Err(why) => {
                    let said = found.unwrap_err().to_string();
                    assert!(said.contains(why), "{name}: {said}");
                }
            }
        }
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
