//! Where a process gets the units of work that it has to do: it gives signs of life, takes the leases assigned to it,
//! renews them, and gives back what others are to have now.
//!
//! All members compute the same assignment from the same view; a unit changes hands when its old owner has given it back
//! or its lease has run out. Two that differ for a moment ask for the same lease, and one gets it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use floodmark_core::assignment::assign;
use floodmark_core::ports::{Leases, Term, View};
use floodmark_core::{Error, Result};
use futures_util::future::join_all;
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::unit;
use crate::retention::Notes;
use crate::tenure::Tenure;

/// After this share of a lease it is renewed, and a request that takes longer has failed.
const RENEWALS: u32 = 3;
/// Between two looks at what others do, however much they do.
const PAUSE: Duration = Duration::from_millis(20);

/// What the supervisor tells the desk.
pub(super) enum Order {
    /// The unit has stopped here.
    Release(String),
    /// Nothing more is to be taken.
    Leave,
}

/// What the desk tells the supervisor.
pub(super) enum News {
    /// The leases have answered for the first time.
    Joined,
    /// The unit is this process's to do.
    Granted(String, Tenure),
    /// Somebody else is to have the unit: stop it in an orderly way, then say so.
    GiveUp(String),
}

/// What takes longer than a share of the lease has failed.
async fn within<T>(ttl: Duration, asking: impl Future<Output = Result<T>>) -> Result<T> {
    let late = |e| Error::unavailable("asking for leases: no answer in time").because(e);
    tokio::time::timeout(ttl / RENEWALS, asking).await.map_err(late)?
}

/// Waits for a change; when nothing was seen, it is seen again when it is time to renew.
async fn changed(leases: &dyn Leases, version: Option<u64>) {
    match version {
        Some(version) => leases.changed(version).await,
        None => std::future::pending().await,
    }
}

/// See the module.
pub(super) struct Desk {
    pub(super) leases: Arc<dyn Leases>,
    pub(super) ttl: Duration,
    pub(super) member: String,
    /// Units that are shared evenly with each other, by kind.
    pub(super) kinds: Vec<Vec<String>>,
    /// The units with promises to tell in ticks.
    pub(super) live: BTreeSet<String>,
    pub(super) notes: Notes,
    pub(super) orders: mpsc::Receiver<Order>,
    pub(super) news: mpsc::Sender<News>,
    pub(super) state: State,
}

/// What the desk remembers.
#[derive(Default)]
pub(super) struct State {
    held: BTreeMap<String, Holding>,
    stopped: BTreeSet<String>,
    /// Units whose lease was lost, until they have stopped here: what runs still must not pass for what is taken next.
    stopping: BTreeMap<String, Instant>,
    leaving: bool,
    joined: bool,
}

struct Holding {
    term: Term,
    tenure: Tenure,
    giving_up: bool,
}

impl Desk {
    /// Works until the supervisor hangs up; everything it still has is then given back.
    pub(super) async fn run(mut self) {
        let every = self.ttl / RENEWALS;
        loop {
            let due = Instant::now() + every;
            let version = self.round().await;
            tokio::time::sleep(PAUSE).await;
            tokio::select! {
                biased;
                order = self.orders.recv() => match order {
                    Some(order) => self.take(order),
                    None => break,
                },
                () = changed(&*self.leases, version) => {}
                () = tokio::time::sleep_until(due) => {}
            }
            while let Ok(order) = self.orders.try_recv() {
                self.take(order);
            }
        }
        self.state.stopped.extend(self.state.held.keys().cloned());
        self.give_back().await;
        self.warn(self.within(self.leases.leave(&self.member)).await);
    }

    fn take(&mut self, order: Order) {
        match order {
            Order::Release(unit) if self.state.stopping.remove(&unit).is_some() => {}
            Order::Release(unit) => drop(self.state.stopped.insert(unit)),
            Order::Leave => self.state.leaving = true,
        }
    }

    /// Everything there is to say to the leases, once. Gives the version of what was seen.
    async fn round(&mut self) -> Option<u64> {
        self.give_back().await;
        let asked = Instant::now();
        let sign = async {
            match self.state.leaving {
                false => self.within(self.leases.beat(&self.member)).await,
                true => self.within(self.leases.leave(&self.member)).await,
            }
        };
        let renewals = join_all(self.state.held.values().map(|holding| self.within(self.leases.renew(&holding.term))));
        let (sign, renewals) = tokio::join!(sign, renewals);
        let units: Vec<String> = self.state.held.keys().cloned().collect();
        for (unit, renewed) in units.into_iter().zip(renewals) {
            self.renewed(&unit, renewed, asked + self.ttl);
        }
        let noted = within(self.ttl, self.notes.write(&*self.leases, self.state.held.keys())).await;
        self.warn(noted);
        let view = match self.within(self.leases.view()).await {
            Ok(view) => view,
            Err(e) => {
                self.warn::<()>(Err(e));
                return None;
            }
        };
        let version = view.version;
        if self.warn(sign).is_some() && !self.state.leaving {
            self.follow(&view).await;
        }
        if !std::mem::replace(&mut self.state.joined, true) {
            self.tell(News::Joined);
        }
        Some(version)
    }

    fn renewed(&mut self, unit: &str, renewed: Result<Option<Term>>, end: Instant) {
        let Some(holding) = self.state.held.get_mut(unit) else { return };
        match renewed {
            Ok(Some(term)) => {
                holding.term = term;
                holding.tenure.extend(end);
            }
            Ok(None) => {
                tracing::warn!(unit, "the lease was lost, the unit stops here");
                holding.tenure.end();
            }
            Err(e) => tracing::warn!(unit, error = e.chain(), "the lease could not be renewed, will retry"),
        }
        if !holding.tenure.holds() {
            self.state.held.remove(unit);
            self.state.stopping.insert(unit.to_owned(), Instant::now() + self.ttl);
        }
    }

    /// Gives back what has stopped here.
    async fn give_back(&mut self) {
        let units = std::mem::take(&mut self.state.stopped);
        let stopped: Vec<Holding> = units.iter().filter_map(|unit| self.state.held.remove(unit)).collect();
        // What readers still need must be known before somebody else counts on it.
        let noted = within(self.ttl, self.notes.write(&*self.leases, stopped.iter().map(|holding| &holding.term.unit))).await;
        self.warn(noted);
        let released = join_all(stopped.iter().map(|holding| self.within(self.leases.release(&holding.term)))).await;
        for (holding, outcome) in stopped.iter().zip(released) {
            holding.tenure.end();
            self.warn(outcome);
        }
        units.iter().for_each(|unit| self.notes.forget(unit));
    }

    /// Does what the assignment says.
    async fn follow(&mut self, view: &View) {
        let mut members = view.members.clone();
        members.insert(self.member.clone());
        let mut ours: BTreeSet<String> = BTreeSet::new();
        for units in &self.kinds {
            let assigned = assign(units, &members).into_iter().filter(|(_, member)| *member == self.member);
            ours.extend(assigned.map(|(unit, _)| unit.to_owned()));
        }
        let place = self.ticker(&ours);
        ours.extend(place.clone());
        let mut given_up = Vec::new();
        for (unit, holding) in &mut self.state.held {
            if !ours.contains(unit) && !std::mem::replace(&mut holding.giving_up, true) {
                given_up.push(unit.clone());
            }
        }
        given_up.into_iter().for_each(|unit| self.tell(News::GiveUp(unit)));
        // A unit without a task has nobody who says that it has stopped.
        self.state.stopping.retain(|_, until| *until > Instant::now());
        let known = |unit: &String| self.state.held.contains_key(unit) || self.state.stopping.contains_key(unit);
        let free = |unit: &&String| !known(unit) && !view.owners.contains_key(*unit);
        let wanted: Vec<String> = ours.iter().filter(free).cloned().collect();
        let asked = Instant::now();
        let granted = join_all(wanted.iter().map(|unit| self.within(self.leases.acquire(unit, &self.member)))).await;
        for granted in granted {
            if let Some(Some(term)) = self.warn(granted) {
                self.hold(term, asked);
            }
        }
        if place.is_none() {
            self.find_place(view).await;
        }
    }

    fn hold(&mut self, term: Term, asked: Instant) {
        let tenure = Tenure::until(asked + self.ttl);
        tracing::info!(unit = term.unit, member = self.member, "the unit runs here now");
        self.tell(News::Granted(term.unit.clone(), tenure.clone()));
        self.state.held.insert(term.unit.clone(), Holding { term, tenure, giving_up: false });
    }

    /// The place among those that tick which is to be kept. The first is always needed; others only by whoever has
    /// promises to tell.
    fn ticker(&self, ours: &BTreeSet<String>) -> Option<String> {
        let held = self.state.held.iter().find(|(unit, holding)| unit.starts_with("ticker.") && !holding.giving_up);
        let (place, _) = held?;
        let needed = *place == unit::ticker(0) || ours.iter().any(|unit| self.live.contains(unit));
        needed.then(|| place.clone())
    }

    /// Takes the lowest free place among those that tick, if this process needs one.
    async fn find_place(&mut self, view: &View) {
        let mut units = self.state.held.keys().chain(self.state.stopping.keys());
        if units.any(|unit| unit.starts_with("ticker.")) {
            return;
        }
        let live = self.state.held.keys().any(|unit| self.live.contains(unit));
        let places = if live { view.members.len() as u32 + 1 } else { 1 };
        for place in (0..places).map(unit::ticker).filter(|place| !view.owners.contains_key(place)) {
            let asked = Instant::now();
            if let Some(Some(term)) = self.warn(self.within(self.leases.acquire(&place, &self.member)).await) {
                return self.hold(term, asked);
            }
        }
    }

    fn tell(&self, news: News) {
        // A supervisor that drains or has gone takes nothing any more.
        drop(self.news.try_send(news));
    }

    async fn within<T>(&self, asking: impl Future<Output = Result<T>>) -> Result<T> {
        within(self.ttl, asking).await
    }

    fn warn<T>(&self, outcome: Result<T>) -> Option<T> {
        outcome.inspect_err(|e| tracing::warn!(member = self.member, error = e.chain(), "leases do not answer, will retry")).ok()
    }
}
