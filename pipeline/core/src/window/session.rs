//! Sessions: each series has windows of its own, as long as events come with less than the gap between them.
//!
//! - A session starts with its first event and ends one gap after its last. An event exactly one gap after another begins a
//!   new one.
//! - An event between two sessions may make them one. One that comes late may reach into sessions that have fired.
//! - A window is known by its start and end. When a session that has fired gets others, its old window gets its next revision
//!   with a count of 0 (there is no such window any more), and the new one fires as revision 0 when the watermark is at its
//!   end, which may be at once. An event that changes neither gives the next revision.
//! - An event that reaches no session that is kept goes to the late output when a session of its own would be gone.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::ops::Range;

use super::{
    accumulators::{Accumulators, Layout},
    books::{Books, micros},
    columns::{Batch, NONE},
    fold::Cursor,
    spec::Spec,
};
use crate::ports::Outputs;

/// One session. Its place in the list is also that of its accumulators.
#[derive(Clone, Copy, Debug)]
pub(super) struct Session {
    /// [`NONE`] when it has become a part of another, or is gone.
    pub series: u32,
    /// The session of the same series before it, or [`NONE`].
    earlier: u32,
    pub start: i64,
    /// The time of its last event.
    pub last: i64,
    /// The watermark at which it is looked at: never later than the next at which it fires or goes.
    alarm: i64,
    /// How many revisions of its window were emitted.
    pub emitted: u32,
}

/// What is known of a series with sessions.
#[derive(Clone, Copy, Debug)]
struct Member {
    /// Its latest session, or [`NONE`].
    latest: u32,
    /// Series that came up earlier have lower numbers.
    rank: u64,
}

/// The sessions that are kept.
pub(super) struct Sessions {
    gap: i64,
    lateness: i64,
    watermark: i64,
    series_max: usize,
    layout: Layout,
    list: Vec<Session>,
    accumulators: Accumulators,
    /// How many in the list are no more.
    dead: usize,
    members: Vec<Member>,
    live: usize,
    next_rank: u64,
    /// Alarms with their sessions. One that is not a session's own any more is void.
    alarms: BinaryHeap<Reverse<(i64, u32)>>,
}

const NOBODY: Member = Member { latest: NONE, rank: 0 };

impl Sessions {
    pub fn new(spec: &Spec) -> Self {
        let layout = Layout::of(spec);
        let (list, members, alarms) = Default::default();
        Self {
            gap: micros(spec.size),
            lateness: micros(spec.allowed_lateness),
            watermark: i64::MIN,
            series_max: spec.series_max,
            accumulators: Accumulators::new(layout.clone()),
            layout,
            list,
            dead: 0,
            members,
            live: 0,
            next_rank: 0,
            alarms,
        }
    }

    pub fn watermark(&self) -> i64 {
        self.watermark
    }

    pub fn set(&mut self, watermark: i64) {
        self.watermark = watermark;
    }

    pub fn next(&self) -> i64 {
        self.alarms.peek().map_or(i64::MAX, |Reverse((alarm, _))| *alarm)
    }

    pub fn fit(&mut self, series: usize) {
        if self.members.len() < series {
            self.members.resize(series, NOBODY);
        }
    }

    pub fn live(&self) -> usize {
        self.live
    }

    pub fn is_live(&self, series: u32) -> bool {
        self.members.get(series as usize).is_some_and(|member| member.latest != NONE)
    }

    pub fn end_of(&self, time: i64) -> i64 {
        time.saturating_add(self.gap)
    }

    pub fn last_end(&self) -> Option<i64> {
        self.list.iter().filter(|session| session.series != NONE).map(|session| self.end_of(session.last)).max()
    }

    /// How many sessions have not fired and start in this span.
    pub fn open(&self, starts: Range<i64>) -> u64 {
        let waits = |session: &&Session| session.series != NONE && session.emitted == 0 && starts.contains(&session.start);
        self.list.iter().filter(waits).count() as u64
    }

    fn window(&self, session: &Session) -> (i64, i64) {
        (session.start, self.end_of(session.last))
    }

    /// When a session fires or, if it has, goes.
    fn due(&self, session: &Session) -> i64 {
        let end = self.end_of(session.last);
        if session.emitted == 0 { end } else { end.saturating_add(self.lateness) }
    }

    /// Moves the watermark to `target`, which is later: sessions that end by then fire, and those whose lateness is over go.
    pub fn advance(&mut self, books: &mut Books, target: i64, outputs: &mut Outputs) {
        self.watermark = target;
        let (mut firing, mut gone) = (Vec::new(), Vec::new());
        while let Some(Reverse((alarm, at))) = self.alarms.peek().copied().filter(|Reverse((alarm, _))| *alarm <= target) {
            self.alarms.pop();
            let session = self.list[at as usize];
            if session.series == NONE || session.alarm != alarm {
                continue;
            }
            match self.due(&session) {
                due if due > target => self.wake(at, due),
                end if session.emitted == 0 => firing.push((end, self.members[session.series as usize].rank, at)),
                _ => gone.push(at),
            }
        }
        firing.sort_unstable();
        for (_, _, at) in firing {
            self.emit(books, at, outputs);
            match self.due(&self.list[at as usize]) {
                due if due > target => self.wake(at, due),
                _ => gone.push(at),
            }
        }
        gone.into_iter().for_each(|at| self.drop(at));
        if self.dead > self.list.len() / 2 + 512 {
            self.compact();
        }
    }

    /// Sets the alarm of a session.
    fn wake(&mut self, at: u32, alarm: i64) {
        self.list[at as usize].alarm = alarm;
        self.alarms.push(Reverse((alarm, at)));
    }

    /// Emits the next revision of a session's window.
    fn emit(&mut self, books: &mut Books, at: u32, outputs: &mut Outputs) {
        let window = self.window(&self.list[at as usize]);
        let session = &mut self.list[at as usize];
        session.emitted += 1;
        books.emit(session.series, window, session.emitted - 1, (&self.accumulators, at as usize), outputs);
    }

    /// Folds rows from `row` on, as far as no alarm comes forward, and returns the first that it has not folded.
    pub fn take(
        &mut self,
        books: &mut Books,
        batch: &Batch<'_>,
        cursor: &mut Cursor,
        mut row: usize,
        alarm: i64,
        outputs: &mut Outputs,
    ) -> usize {
        let (columns, first) = (batch.columns, row);
        while let (Some(time), Some(id)) = (columns.time.get(row), columns.series.get(row)) {
            if *id == NONE || *time >= alarm && row != first {
                break;
            }
            let at = self.members[*id as usize].latest;
            let gap = self.gap;
            // Most events belong to the latest session of their series, which is open, and touch no other.
            match self.list.get_mut(at as usize).filter(|s| *time >= s.start && *time < s.last.saturating_add(gap) && s.emitted == 0) {
                Some(session) => {
                    session.last = session.last.max(*time);
                    books.add(&mut self.accumulators, at as usize, batch, row);
                }
                None => {
                    self.watermark = self.watermark.max(cursor.watermark(books, batch, row));
                    self.place(books, batch, row, outputs);
                    return row + 1;
                }
            }
            row += 1;
        }
        row
    }

    /// Takes a row that may begin, join or revise sessions.
    fn place(&mut self, books: &mut Books, batch: &Batch<'_>, row: usize, outputs: &mut Outputs) {
        let (time, id) = (batch.columns.time[row], batch.columns.series[row]);
        let (at, before) = match self.reached(id, time) {
            [None, None] if self.end_of(time).saturating_add(self.lateness) <= self.watermark => {
                books.emit_late(batch, row, outputs);
                return;
            }
            [None, None] => {
                let member = self.members[id as usize];
                if member.latest == NONE && self.live >= self.series_max {
                    books.counts.overflow += 1;
                    return;
                }
                (self.begin(id, time), None)
            }
            [Some(one), None] | [None, Some(one)] => (one, Some(self.list[one as usize])),
            [Some(late), Some(early)] => {
                let before = self.list[early as usize];
                self.join(books, early, late, outputs);
                (early, Some(before))
            }
        };
        let session = &mut self.list[at as usize];
        (session.start, session.last) = (session.start.min(time), session.last.max(time));
        let session = *session;
        if let Some(before) = before.filter(|b| b.emitted > 0 && (b.start, b.last) != (session.start, session.last)) {
            books.retract(id, self.window(&before), before.emitted, outputs);
            self.list[at as usize].emitted = 0;
        }
        books.add(&mut self.accumulators, at as usize, batch, row);
        if self.end_of(session.last) <= self.watermark {
            self.emit(books, at, outputs);
        }
        let due = self.due(&self.list[at as usize]);
        if due < self.list[at as usize].alarm {
            self.wake(at, due);
        }
    }

    /// The sessions that an event reaches, the later first: there are two at most, because they lie a gap apart.
    fn reached(&self, id: u32, time: i64) -> [Option<u32>; 2] {
        let (mut found, mut at) = ([None, None], self.members[id as usize].latest);
        while let Some(session) = self.list.get(at as usize).filter(|session| time < self.end_of(session.last)) {
            if session.start < self.end_of(time) {
                found[usize::from(found[0].is_some())] = Some(at);
            }
            at = session.earlier;
        }
        found
    }

    /// Begins an empty session at its place among those of its series.
    fn begin(&mut self, id: u32, time: i64) -> u32 {
        let at = self.list.len() as u32;
        let member = &mut self.members[id as usize];
        if member.latest == NONE {
            *member = Member { latest: NONE, rank: self.next_rank };
            self.next_rank += 1;
            self.live += 1;
        }
        let mut session = Session { series: id, earlier: NONE, start: time, last: time, alarm: i64::MAX, emitted: 0 };
        let mut later = NONE;
        let mut next = member.latest;
        while let Some(other) = self.list.get(next as usize).filter(|other| other.start > time) {
            (later, next) = (next, other.earlier);
        }
        session.earlier = next;
        match self.list.get_mut(later as usize) {
            Some(later) => later.earlier = at,
            None => self.members[id as usize].latest = at,
        }
        self.list.push(session);
        self.accumulators.push();
        at
    }

    /// Makes a session a part of the one before it, whose window changes with that.
    fn join(&mut self, books: &mut Books, early: u32, late: u32, outputs: &mut Outputs) {
        let absorbed = self.list[late as usize];
        if absorbed.emitted > 0 {
            books.retract(absorbed.series, self.window(&absorbed), absorbed.emitted, outputs);
        }
        let mut moved = Accumulators::new(self.layout.clone());
        moved.push();
        moved.merge(0, &self.accumulators, late as usize);
        self.accumulators.merge(early as usize, &moved, 0);
        self.list[early as usize].last = absorbed.last;
        self.drop(late);
    }

    /// Takes a session out of those of its series.
    fn drop(&mut self, at: u32) {
        let Session { series, earlier, .. } = self.list[at as usize];
        let member = &mut self.members[series as usize];
        if member.latest == at {
            member.latest = earlier;
            self.live -= usize::from(earlier == NONE);
        } else {
            let mut later = member.latest;
            while self.list[later as usize].earlier != at {
                later = self.list[later as usize].earlier;
            }
            self.list[later as usize].earlier = earlier;
        }
        self.list[at as usize].series = NONE;
        self.dead += 1;
    }

    /// Gives the room of sessions that are no more back.
    fn compact(&mut self) {
        let order: Vec<u32> = (0..self.list.len() as u32).filter(|at| self.list[*at as usize].series != NONE).collect();
        let accumulators = self.gathered(&order);
        let old = std::mem::take(&mut self.list);
        let mut moved = vec![NONE; old.len()];
        order.iter().zip(0..).for_each(|(at, new)| moved[*at as usize] = new);
        let place = |at: u32| moved.get(at as usize).copied().unwrap_or(NONE);
        self.list = order.iter().map(|at| Session { earlier: place(old[*at as usize].earlier), ..old[*at as usize] }).collect();
        self.members.iter_mut().for_each(|member| member.latest = place(member.latest));
        self.alarms = self.list.iter().zip(0..).map(|(session, at)| Reverse((session.alarm, at))).collect();
        (self.accumulators, self.dead) = (accumulators, 0);
    }

    /// The accumulators of sessions in an order.
    fn gathered(&self, order: &[u32]) -> Accumulators {
        let mut gathered = Accumulators::new(self.layout.clone());
        for (slot, at) in order.iter().enumerate() {
            gathered.push();
            gathered.merge(slot, &self.accumulators, *at as usize);
        }
        gathered
    }

    /// Gives every series the id that `moved` says.
    pub fn renumber(&mut self, moved: &[Option<u32>], series: usize) {
        let new = |id: u32| moved[id as usize].expect("a series with a session is kept");
        let mut members = vec![NOBODY; series];
        for (id, member) in (0..).zip(&self.members).filter(|(_, member)| member.latest != NONE) {
            members[new(id) as usize] = *member;
        }
        self.members = members;
        self.list.iter_mut().filter(|session| session.series != NONE).for_each(|session| session.series = new(session.series));
    }

    /// All series with sessions in the order in which they came up.
    pub fn roster(&self) -> Vec<u32> {
        let mut roster: Vec<u32> = (0..self.members.len() as u32).filter(|id| self.is_live(*id)).collect();
        roster.sort_unstable_by_key(|id| self.members[*id as usize].rank);
        roster
    }

    /// The sessions of the series in `roster`, those of each in the order of time, with their accumulators.
    pub fn in_order(&self, roster: &[u32]) -> (Vec<Session>, Accumulators) {
        let mut order = Vec::with_capacity(self.list.len() - self.dead);
        for id in roster {
            let first = order.len();
            let mut at = self.members[*id as usize].latest;
            while at != NONE {
                order.push(at);
                at = self.list[at as usize].earlier;
            }
            order[first..].reverse();
        }
        (order.iter().map(|at| self.list[*at as usize]).collect(), self.gathered(&order))
    }

    /// Adds a session after all others of its series, from a snapshot. `None` when it cannot stand there.
    pub fn restore(&mut self, id: u32, start: i64, last: i64, emitted: u32) -> Option<()> {
        let latest = self.list.get(self.members[id as usize].latest as usize);
        let in_order = start <= last && latest.is_none_or(|latest| self.end_of(latest.last) <= start);
        in_order.then_some(())?;
        let at = self.begin(id, start);
        let session = Session { last, emitted, ..self.list[at as usize] };
        self.list[at as usize] = session;
        self.wake(at, self.due(&session));
        Some(())
    }

    pub fn restore_accumulators(&mut self, accumulators: Accumulators) {
        self.accumulators = accumulators;
    }

    pub fn layout(&self) -> &Layout {
        &self.layout
    }
}
