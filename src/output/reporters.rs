//! The outputs of a run, fed by its events.

use std::{
    cell::{Cell, RefCell},
    io,
};

use chrono::{DateTime, TimeDelta, Utc};
use tracing::warn;

use super::Ending;
use crate::{
    ledger::Counts,
    run::{Event, EventKind},
    sending::{SessionEvent, Stats},
    text::system_says,
};

pub trait Reporter {
    /// For the warning if it fails.
    fn name(&self) -> String;

    /// In the order of events. Quick: the run waits meanwhile. After an error it is called no more.
    fn on_event(&mut self, _event: &Event) -> io::Result<()> {
        Ok(())
    }

    /// About twice a second, for what changes without an event.
    fn tick(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn end(&mut self, _ending: &Ending<'_>) -> io::Result<()> {
        Ok(())
    }
}

/// All reporters of one command: events of the runner, with the session's among them.
#[derive(Default)]
pub struct Reporters {
    readers: RefCell<Vec<Box<dyn Reporter>>>,
    /// Of the last event of the runner; the session's events repeat them.
    latest: Cell<(Counts, Stats)>,
    paused_until: Cell<Option<DateTime<Utc>>>,
}

/// Answers that were in flight together announce one pause with slightly different ends.
const SAME_PAUSE: TimeDelta = TimeDelta::milliseconds(500);

impl Reporters {
    pub fn new(readers: Vec<Box<dyn Reporter>>) -> Self {
        Reporters { readers: RefCell::new(readers), ..Reporters::default() }
    }

    pub fn add(&self, reader: Box<dyn Reporter>) {
        self.readers.borrow_mut().push(reader);
    }

    pub fn on_event(&self, event: &Event) {
        self.latest.set((event.counts, event.pace));
        self.each(|reader| reader.on_event(event));
    }

    pub fn on_news(&self, news: &SessionEvent, at: DateTime<Utc>) {
        if let SessionEvent::Paused { until, .. } = news {
            if self.paused_until.get().is_some_and(|known| *until < known + SAME_PAUSE) {
                return;
            }
            self.paused_until.set(Some(*until));
        }
        self.tell(EventKind::News(news.clone()), at);
    }

    pub fn tell(&self, kind: EventKind, at: DateTime<Utc>) {
        let (counts, pace) = self.latest.get();
        let event = Event { at, counts, pace, kind };
        self.each(|reader| reader.on_event(&event));
    }

    pub fn tick(&self) {
        self.each(|reader| reader.tick());
    }

    pub fn end(&self, ending: &Ending<'_>) {
        self.each(|reader| reader.end(ending));
    }

    /// A reporter that fails is dropped: the run and the others go on.
    fn each(&self, tell: impl Fn(&mut dyn Reporter) -> io::Result<()>) {
        let mut readers = self.readers.borrow_mut();
        readers.retain_mut(|reader| match tell(reader.as_mut()) {
            Ok(()) => true,
            Err(e) => {
                warn!(
                    "{} cannot be written ({}); the run goes on without it",
                    reader.name(),
                    system_says(&e)
                );
                false
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;

    use super::*;

    struct Notes {
        told: Rc<RefCell<Vec<String>>>,
        until: usize,
    }

    impl Reporter for Notes {
        fn name(&self) -> String {
            "notes".to_owned()
        }

        fn on_event(&mut self, event: &Event) -> io::Result<()> {
            let mut told = self.told.borrow_mut();
            told.push(format!("{:?} {}", event.kind, event.counts.created));
            if told.len() < self.until { Ok(()) } else { Err(io::ErrorKind::StorageFull.into()) }
        }
    }

    fn event(kind: EventKind, created: usize) -> Event {
        Event {
            at: DateTime::UNIX_EPOCH,
            counts: Counts { created, ..Counts::default() },
            pace: Stats::default(),
            kind,
        }
    }

    #[test]
    fn a_reader_that_fails_is_told_nothing_more_and_the_others_miss_nothing() {
        let [first, failing, last] = [(); 3].map(|()| Rc::<RefCell<Vec<String>>>::default());
        let notes = |told: &Rc<_>, until| -> Box<dyn Reporter> {
            let told = Rc::clone(told);
            Box::new(Notes { told, until })
        };
        let readers = Reporters::new(vec![
            notes(&first, usize::MAX),
            notes(&failing, 2),
            notes(&last, usize::MAX),
        ]);
        readers.on_news(&SessionEvent::Renewed, DateTime::UNIX_EPOCH);
        readers.on_event(&event(EventKind::Started, 3));
        readers.on_news(&SessionEvent::Renewed, DateTime::UNIX_EPOCH);
        readers.on_event(&event(EventKind::Finished, 4));
        let all = ["News(Renewed) 0", "Started 3", "News(Renewed) 3", "Finished 4"];
        assert_eq!(*first.borrow(), all);
        assert_eq!(*last.borrow(), all);
        assert_eq!(*failing.borrow(), all[..2]);
    }
}
