//! Reads the blocks of a file on all cores, and takes them in order.

use std::{
    io::Read,
    num::NonZero,
    sync::{
        Mutex,
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread,
};

use super::{
    LedgerError,
    blocks::{Block, BlockKind, Blocks},
    header::Header,
    line_reader::{BlockRead, LineReader},
};

/// What one block says without the others.
pub(super) enum Piece {
    Read(BlockRead),
    Rest(Block),
}

impl Piece {
    fn of(block: Block, reader: &mut LineReader<'_>) -> Self {
        match block.kind {
            BlockKind::Whole => Piece::Read(reader.block(&block)),
            BlockKind::Rest => Piece::Rest(block),
        }
    }
}

/// More threads would wait for the one that takes the pieces.
const MOST_THREADS: usize = 4;
/// How many pieces may wait to be taken, so that every thread has work.
const AHEAD: usize = 16;

/// A file of one block needs no threads. After an error nothing more is read.
pub(super) fn read_ahead<R: Read + Send>(
    mut blocks: Blocks<'_, R>,
    header: &Header,
    mut take: impl FnMut(Piece) -> Result<(), LedgerError>,
) -> Result<(), LedgerError> {
    if blocks.is_at_end() {
        return take(Piece::of(blocks.next()?, &mut LineReader::new(header)));
    }
    let threads = thread::available_parallelism().map_or(1, NonZero::get);
    let threads = threads.min(MOST_THREADS);
    let source = Mutex::new(Some(blocks));
    thread::scope(|scope| {
        let (line_up, queue) = sync_channel(AHEAD);
        let start = |_: &usize| {
            let (source, line_up) = (&source, line_up.clone());
            let thread = thread::Builder::new();
            (thread.spawn_scoped(scope, move || read_blocks(source, header, &line_up))).is_ok()
        };
        let started = (0..threads).filter(start).count();
        drop(line_up); // the threads have their own
        if started == 0 {
            return read_here(&source, header, take);
        }
        for piece in queue {
            // A thread that panics takes this one with it at the end of the scope.
            let Ok(piece) = piece.recv() else { break };
            take(piece?)?;
        }
        Ok(())
    })
}

/// Where no threads can be started.
fn read_here<R: Read>(
    source: &Mutex<Option<Blocks<'_, R>>>,
    header: &Header,
    mut take: impl FnMut(Piece) -> Result<(), LedgerError>,
) -> Result<(), LedgerError> {
    let mut source = source.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let mut reader = LineReader::new(header);
    while let Some(blocks) = &mut *source {
        let block = blocks.next()?;
        let is_last = block.kind == BlockKind::Rest;
        take(Piece::of(block, &mut reader))?;
        if is_last {
            break;
        }
    }
    Ok(())
}

type Coming = Receiver<Result<Piece, LedgerError>>;

/// A thread that takes a block from the source also takes its place in the queue, so that pieces stay in order.
fn read_blocks<R: Read>(
    source: &Mutex<Option<Blocks<'_, R>>>,
    header: &Header,
    line_up: &SyncSender<Coming>,
) {
    let mut reader = LineReader::new(header);
    loop {
        let mut source = source.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let Some(blocks) = &mut *source else { return };
        let block = blocks.next();
        let kind = block.as_ref().map_or(BlockKind::Rest, |block| block.kind);
        if kind == BlockKind::Rest {
            *source = None; // that was the last one
        }
        let (tell, coming) = sync_channel(1);
        if line_up.send(coming).is_err() {
            return; // nobody wants more
        }
        drop(source);
        let _ = tell.send(block.map(|block| Piece::of(block, &mut reader))); // as above
    }
}
