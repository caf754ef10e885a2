//! Messages in pages.

use std::collections::VecDeque;

use bytes::Bytes;

use super::page::{OVERHEAD, Page};
use crate::log::{Log, Manner, Taken, Visitor};
use crate::{ConsumerStore, MemoryConsumerStore, NewMessage, StoreError, StoredMessage, SubjectFilter, ttl};

/// Keeps messages in pages of some 64 KB, each one buffer that readers share.
#[derive(Debug, Default)]
pub(crate) struct MemoryLog {
    /// Ascending, never empty ones except the last.
    pages: VecDeque<Page>,
}

impl MemoryLog {
    /// Returns the place of the page that holds a sequence, if any does.
    fn page_of(&self, seq: u64) -> Option<usize> {
        self.pages.partition_point(|page| page.first_seq() <= seq).checked_sub(1)
    }

    /// Takes a page out if it is empty, or joins it with a neighbour if both are small.
    fn tidy(&mut self, place: usize) {
        let is_last = place + 1 == self.pages.len();
        if self.pages[place].live() == 0 && !is_last {
            self.pages.remove(place);
            return;
        }
        let left = if place > 0 && self.pages[place - 1].can_join(&self.pages[place]) {
            place - 1
        } else if !is_last && self.pages[place].can_join(&self.pages[place + 1]) {
            place
        } else {
            return;
        };
        if let Some(right) = self.pages.remove(left + 1) {
            self.pages[left].join(&right);
        }
    }
}

impl Log for MemoryLog {
    fn size_of(&self, message: &NewMessage<'_>) -> u64 {
        (message.subject.len() + message.headers.len() + message.payload.len()) as u64 + OVERHEAD
    }

    fn push(&mut self, seq: u64, message: &NewMessage<'_>) -> Result<(), StoreError> {
        let size = message.subject.len() + message.headers.len() + message.payload.len();
        if size > u32::MAX as usize || message.subject.len() > u16::MAX as usize {
            return Err(StoreError::TooLarge);
        }
        let has_room = self.pages.back().is_some_and(|page| page.has_room(seq, size));
        if !has_room {
            if let Some(last) = self.pages.back_mut() {
                last.close();
                if last.live() == 0 {
                    self.pages.pop_back();
                }
            }
            self.pages.push_back(Page::new(seq));
        }
        if let Some(page) = self.pages.back_mut() {
            page.push(seq, message);
        }
        Ok(())
    }

    fn skip(&mut self, _seq: u64, _count: u64, _time_ns: i64) -> Result<(), StoreError> {
        Ok(())
    }

    fn read(&mut self, seq: u64) -> Result<Option<StoredMessage>, StoreError> {
        Ok(self.read_at_hand(seq))
    }

    fn read_at_hand(&mut self, seq: u64) -> Option<StoredMessage> {
        self.page_of(seq).and_then(|place| self.pages[place].read(seq))
    }

    fn scan(&mut self, from: u64, to: u64, filter: &SubjectFilter, visit: &mut Visitor<'_>) -> Result<(), StoreError> {
        let start = self.page_of(from).unwrap_or(0);
        for page in self.pages.range(start.min(self.pages.len())..) {
            for head in page.places_from(from).filter_map(|place| page.head(place)) {
                if head.seq > to {
                    return Ok(());
                }
                if filter.matches(head.subject) && visit(head).is_break() {
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    fn scan_back(
        &mut self,
        from: u64,
        to: u64,
        filter: &SubjectFilter,
        visit: &mut Visitor<'_>,
    ) -> Result<(), StoreError> {
        let Some(start) = self.page_of(from) else { return Ok(()) };
        for page in self.pages.range(..=start).rev() {
            for head in page.places_to(from).rev().filter_map(|place| page.head(place)) {
                if head.seq < to {
                    return Ok(());
                }
                if filter.matches(head.subject) && visit(head).is_break() {
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    fn count_before(&mut self, seq: u64) -> u64 {
        let Some(place) = self.page_of(seq) else { return 0 };
        let whole: usize = self.pages.range(..place).map(Page::live).sum();
        (whole + self.pages[place].count_before(seq)) as u64
    }

    fn take(&mut self, seq: u64, _manner: Manner) -> Result<Option<Taken>, StoreError> {
        let Some(place) = self.page_of(seq) else { return Ok(None) };
        let page = &mut self.pages[place];
        let Some(head) = page.find(seq).ok().and_then(|at| page.head(at)) else { return Ok(None) };
        let taken = Taken {
            time_ns: head.time_ns,
            size: head.size,
            subject: Bytes::copy_from_slice(head.subject),
            is_marker: ttl::is_marker(head.headers),
        };
        page.remove(seq);
        self.tidy(place);
        Ok(Some(taken))
    }

    fn drop_before(&mut self, seq: u64, _next_seq: u64, _time_ns: i64) -> Result<(), StoreError> {
        while self.pages.get(1).is_some_and(|next| next.first_seq() <= seq) {
            self.pages.pop_front();
        }
        let Some(first) = self.pages.front_mut() else { return Ok(()) };
        let places = first.places_from(0);
        let doomed: Vec<u64> = places.filter_map(|place| first.head(place)).map(|head| head.seq).collect();
        for doomed in doomed.into_iter().take_while(|doomed| *doomed < seq) {
            first.remove(doomed);
        }
        if first.live() == 0 {
            self.pages.pop_front();
        }
        Ok(())
    }

    fn drop_after(&mut self, seq: u64, _time_ns: i64) -> Result<(), StoreError> {
        while self.pages.back().is_some_and(|last| last.first_seq() > seq) {
            self.pages.pop_back();
        }
        let Some(last) = self.pages.back_mut() else { return Ok(()) };
        last.close();
        let doomed: Vec<u64> =
            last.places_from(seq + 1).filter_map(|place| last.head(place)).map(|head| head.seq).collect();
        for doomed in doomed {
            last.remove(doomed);
        }
        if last.live() == 0 {
            self.pages.pop_back();
        }
        Ok(())
    }

    fn gaps(&self, first: u64, last: u64, limit: usize) -> Vec<u64> {
        let mut gaps = Vec::new();
        let mut expected = first;
        let heads = self.pages.iter().flat_map(|page| page.places_from(first).filter_map(|place| page.head(place)));
        for seq in heads.map(|head| head.seq).chain([last + 1]) {
            gaps.extend((expected..seq).take(limit - gaps.len()));
            if gaps.len() == limit {
                break;
            }
            expected = seq + 1;
        }
        gaps
    }

    fn consumer(&mut self, _name: &str, _meta: &[u8]) -> Result<Box<dyn ConsumerStore>, StoreError> {
        Ok(Box::<MemoryConsumerStore>::default())
    }

    fn utilization(&self) -> u64 {
        self.pages.iter().map(|page| page.memory() as u64).sum()
    }
}
