//! A disk that keeps what was synced, and of the rest what it likes.

use std::{cell::RefCell, io, time::Duration};

use monthend::testing::Disk;

use super::world::World;

/// How badly this disk behaves.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct DiskTraits {
    /// One append in so many finds the disk full; 0: none.
    pub full: u32,
    /// One flush in so many fails; 0: none.
    pub failing_sync: u32,
    /// How long an operation takes at most.
    pub latency: Duration,
}

/// One file.
pub(crate) struct ModelDisk<'w> {
    world: &'w World,
    traits: DiskTraits,
    /// `None`: no such file.
    file: RefCell<Option<Vec<Piece>>>,
}

/// A stretch of the file that was written in one go.
#[derive(Debug, Clone)]
struct Piece {
    bytes: Vec<u8>,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Durable,
    Written,
    /// A flush failed: no later one makes it durable.
    Abandoned,
}

impl<'w> ModelDisk<'w> {
    pub(crate) fn new(world: &'w World, traits: DiskTraits) -> Self {
        ModelDisk { world, traits, file: RefCell::new(None) }
    }

    /// What a reader sees now.
    pub(crate) fn contents(&self) -> Option<Vec<u8>> {
        let file = self.file.borrow();
        Some(file.as_ref()?.iter().flat_map(|p| p.bytes.clone()).collect())
    }

    /// What a power cut would leave at the least.
    pub(crate) fn durable(&self) -> Vec<u8> {
        let file = self.file.borrow();
        let pieces = file.iter().flatten();
        pieces.filter(|p| p.state == State::Durable).flat_map(|p| p.bytes.clone()).collect()
    }

    /// The power goes off: of what is not durable, blocks are lost as the disk likes.
    pub(crate) fn cut_power(&self) {
        let mut file = self.file.borrow_mut();
        let Some(pieces) = file.as_mut() else { return };
        let durable_to =
            pieces.iter().rposition(|p| p.state == State::Durable).map_or(0, |last| last + 1);
        let block = [7, 64, 512][self.world.below(3) as usize];
        for piece in pieces.iter_mut().filter(|p| p.state != State::Durable) {
            for block in piece.bytes.chunks_mut(block) {
                if self.world.one_in(3) {
                    self.world.count("disk: block lost");
                    block.fill(0);
                }
            }
        }
        // The file's length is durable only as far as something durable reaches.
        let mut tail: Vec<u8> = pieces.drain(durable_to..).flat_map(|p| p.bytes).collect();
        if !tail.is_empty() && !self.world.one_in(3) {
            self.world.count("disk: end torn");
            tail.truncate(self.world.below(tail.len() as u32 + 1) as usize);
        }
        pieces.push(Piece { bytes: tail, state: State::Written });
    }

    /// The next process finds the file as it is now.
    pub(crate) fn settle(&self) {
        if let Some(pieces) = self.file.borrow_mut().as_mut() {
            let bytes = pieces.iter().flat_map(|p| p.bytes.clone()).collect();
            *pieces = vec![Piece { bytes, state: State::Durable }];
        }
    }

    /// An id that once stood in the file stands in the one that takes its place.
    fn check_ids(&self, contents: &[u8]) {
        let new = String::from_utf8_lossy(contents);
        let old = self.contents().unwrap_or_default();
        for line in String::from_utf8_lossy(&old).lines() {
            let Some((row, rest)) = line.split_once(",created,") else {
                continue;
            };
            if !row.starts_with('r') || row.contains('\0') {
                continue; // nobody can tell whose it is
            }
            let cell = rest.split_inclusive(',').next().unwrap_or_default();
            if cell.contains('\0') {
                continue; // what is left is not the id any more
            }
            if cell.ends_with(',') && !new.contains(&format!(",created,{cell}")) {
                self.world.fail(format!("the id {cell} is lost in a rewrite"));
            }
        }
    }

    fn goes_wrong(&self, one_in: u32, name: &'static str) -> bool {
        one_in > 0 && self.world.one_in(one_in) && self.world.spend_fault(name)
    }

    async fn takes_time(&self) {
        self.world.passes(self.world.up_to(self.traits.latency)).await;
    }
}

impl Disk for ModelDisk<'_> {
    async fn replace(&self, contents: Vec<u8>) -> io::Result<()> {
        self.takes_time().await;
        if self.goes_wrong(self.traits.full, "disk: full") {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.check_ids(&contents);
        let earlier =
            self.file.replace(Some(vec![Piece { bytes: contents, state: State::Durable }]));
        // Until the folder is flushed, a crash may bring the old file back.
        let back = self.world.one_in(2).then_some(earlier);
        let guard = Undo { disk: self, back };
        self.takes_time().await;
        guard.done();
        Ok(())
    }

    async fn append(&self, bytes: Vec<u8>) -> io::Result<()> {
        self.world.step().await;
        if self.goes_wrong(self.traits.full, "disk: full") {
            return Err(io::ErrorKind::StorageFull.into());
        }
        {
            let mut file = self.file.borrow_mut();
            let Some(pieces) = file.as_mut() else {
                return Err(io::ErrorKind::NotFound.into());
            };
            pieces.push(Piece { bytes, state: State::Written });
        }
        self.takes_time().await;
        Ok(())
    }

    async fn sync(&self) -> io::Result<()> {
        self.takes_time().await;
        let failed = self.goes_wrong(self.traits.failing_sync, "disk: flush failed");
        for piece in self.file.borrow_mut().iter_mut().flatten() {
            if piece.state == State::Written {
                piece.state = if failed { State::Abandoned } else { State::Durable };
            }
        }
        if failed {
            return Err(io::Error::other("the flush failed"));
        }
        Ok(())
    }
}

/// Brings the old file back when dropped before it is done.
struct Undo<'d, 'w> {
    disk: &'d ModelDisk<'w>,
    back: Option<Option<Vec<Piece>>>,
}

impl Undo<'_, '_> {
    fn done(mut self) {
        self.back = None;
    }
}

impl Drop for Undo<'_, '_> {
    fn drop(&mut self) {
        if let Some(back) = self.back.take() {
            *self.disk.file.borrow_mut() = back;
        }
    }
}
