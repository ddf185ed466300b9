//! A file that is being fetched: written next to its place, hashed and checked as it comes.

use std::{
    fs::{self, File, OpenOptions},
    io,
    path::{Path, PathBuf},
};

use bytes::Bytes;
use sha2::{Digest as _, Sha256};
use tokio::task::JoinHandle;

use super::{
    content::{Inspector, TableShape},
    disk,
};
use crate::{
    files::{HashingReader, open_regular},
    text::hexadecimal,
};
use request::RequestId;

/// Bytes that go to the disk at once, while the next ones come. The files of simulated histories are small.
const BATCH: usize = if cfg!(test) { 256 } else { 256 * 1024 };

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct CheckedFile {
    /// 64 hexadecimal digits.
    pub(super) sha256: String,
    pub(super) content: TableShape,
}

/// Under its name of `.<request_id>.part`; deleted when dropped.
#[derive(Debug)]
pub(super) struct PartFile {
    path: PathBuf,
    /// `None` while bytes are on their way to the disk.
    writer: Option<PartWriter>,
    writing: Option<JoinHandle<io::Result<PartWriter>>>,
    batch: Vec<Bytes>,
    batched: usize,
    len: u64,
}

#[derive(Debug)]
struct PartWriter {
    file: File,
    hash: Sha256,
    inspector: Inspector,
}

impl PartWriter {
    fn new(file: File) -> Self {
        PartWriter { file, hash: Sha256::new(), inspector: Inspector::default() }
    }

    fn take(&mut self, bytes: &[u8]) -> io::Result<()> {
        disk::write(&mut self.file, bytes)?;
        self.hash.update(bytes);
        self.inspector.take(bytes);
        Ok(())
    }
}

pub(super) fn part_name(id: RequestId) -> String {
    format!(".{id}.part")
}

impl PartFile {
    /// Begins the file for `place`, readable by its owner only, without what a killed run left of it.
    pub(super) async fn begin(place: &Path, id: RequestId) -> io::Result<Self> {
        let path = place.with_file_name(part_name(id));
        let (path, file) = blocking(move || {
            match fs::remove_file(&path) {
                Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
                _ => {}
            }
            let mut options = OpenOptions::new();
            options.write(true).create_new(true);
            #[cfg(unix)]
            std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
            let file = options.open(&path)?;
            Ok((path, file))
        })
        .await?;
        Ok(PartFile {
            path,
            writer: Some(PartWriter::new(file)),
            writing: None,
            batch: Vec::new(),
            batched: 0,
            len: 0,
        })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn len(&self) -> u64 {
        self.len
    }

    pub(super) async fn push(&mut self, bytes: Bytes) -> io::Result<()> {
        self.len += bytes.len() as u64;
        self.batched += bytes.len();
        self.batch.push(bytes);
        if self.batched < BATCH { Ok(()) } else { self.flush().await }
    }

    pub(super) async fn restart(&mut self) -> io::Result<()> {
        self.batch.clear();
        (self.batched, self.len) = (0, 0);
        let writer = self.writer().await?;
        let file = blocking(move || {
            use std::io::Seek as _;
            let mut file = writer.file;
            file.set_len(0)?;
            file.rewind()?;
            Ok(file)
        })
        .await?;
        self.writer = Some(PartWriter::new(file));
        Ok(())
    }

    /// All bytes are there: makes them durable.
    pub(super) async fn finish(&mut self) -> io::Result<CheckedFile> {
        self.flush().await?;
        let writer = self.writer().await?;
        blocking(move || {
            disk::flush(&writer.file)?;
            Ok(CheckedFile {
                sha256: hexadecimal(&writer.hash.finalize()),
                content: writer.inspector.finish(),
            })
        })
        .await
    }

    async fn flush(&mut self) -> io::Result<()> {
        let mut writer = self.writer().await?;
        let batch = std::mem::take(&mut self.batch);
        self.batched = 0;
        self.writing = Some(disk::in_background(move || {
            for bytes in batch {
                writer.take(&bytes)?;
            }
            Ok(writer)
        }));
        Ok(())
    }

    async fn writer(&mut self) -> io::Result<PartWriter> {
        if let Some(writing) = self.writing.take() {
            return writing.await.map_err(io::Error::other)?;
        }
        let gone = || io::Error::other("the file was closed after an error");
        self.writer.take().ok_or_else(gone)
    }
}

impl Drop for PartFile {
    fn drop(&mut self) {
        // Once the file is in its place there is nothing under this name.
        let _ = fs::remove_file(&self.path);
    }
}

pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    disk::in_background(work).await.map_err(io::Error::other)?
}

pub(super) fn look(path: &Path) -> io::Result<Option<CheckedFile>> {
    use std::io::Read as _;
    let mut file = match open_regular(path) {
        Ok(file) => HashingReader::new(file),
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(e),
    };
    let mut inspector = Inspector::default();
    let mut buffer = vec![0; BATCH];
    loop {
        match file.read(&mut buffer)? {
            0 => break,
            n => inspector.take(&buffer[..n]),
        }
    }
    Ok(Some(CheckedFile { sha256: hexadecimal(&file.sha256()), content: inspector.finish() }))
}
