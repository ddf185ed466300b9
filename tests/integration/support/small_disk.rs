//! A disk that a test can fill.

use std::{fs, io::Write as _, path::PathBuf, process::Command};

/// A small disk of its own; unmounted when dropped.
#[derive(Debug)]
pub(crate) struct SmallDisk(PathBuf);

impl SmallDisk {
    /// None where one cannot be had, which is said where it is seen.
    pub(crate) fn mount(place: PathBuf) -> Option<Self> {
        fs::create_dir(&place).unwrap();
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=256k", "tmpfs"]);
        let mounted = mount.arg(&place).output();
        if mounted.is_ok_and(|mounted| mounted.status.success()) {
            return Some(SmallDisk(place));
        }
        let _ = std::io::stderr()
            .write_all(b"\nSKIPPED: no small disk can be mounted here; none was filled\n");
        None
    }

    /// From now on it can only be read.
    pub(crate) fn make_read_only(&self) {
        let mut mount = Command::new("mount");
        let done = mount.args(["-o", "remount,ro"]).arg(&self.0).status();
        assert!(done.is_ok_and(|done| done.success()));
    }

    /// Makes room again.
    pub(crate) fn empty(&self) {
        fs::remove_file(self.0.join("fill")).unwrap();
    }

    /// Leaves only so many KiB on it.
    pub(crate) fn fill_but(&self, kib: u64) {
        self.fill();
        let bytes = fs::File::options().write(true).open(self.0.join("fill"));
        let bytes = bytes.unwrap();
        let len = bytes.metadata().unwrap().len();
        bytes.set_len(len - 1024 * kib).unwrap();
    }

    /// Leaves no room on it.
    pub(crate) fn fill(&self) {
        let mut bytes = fs::File::create(self.0.join("fill")).unwrap();
        let written = std::io::copy(&mut std::io::repeat(7), &mut bytes);
        assert!(written.is_err());
    }
}

/// A file that is mounted by itself, as containers mount single files; unmounted when dropped.
#[derive(Debug)]
pub(crate) struct MountedFile(PathBuf);

impl MountedFile {
    /// Mounts `file` at `place`, a file that is there. None where that cannot be had, which is said where it is seen.
    pub(crate) fn mount(file: PathBuf, place: PathBuf) -> Option<Self> {
        let mut mount = Command::new("mount");
        let mounted = mount.arg("--bind").args([file, place.clone()]).output();
        if mounted.is_ok_and(|mounted| mounted.status.success()) {
            return Some(MountedFile(place));
        }
        let _ = std::io::stderr()
            .write_all(b"\nSKIPPED: no file can be mounted here; none was to be replaced\n");
        None
    }
}

impl Drop for MountedFile {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}
