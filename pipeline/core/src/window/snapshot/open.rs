//! The open windows in a snapshot.

use super::UNSEEN;
use crate::Result;
use crate::window::accumulators::Accumulators;
use crate::window::body::Body;
use crate::window::bytes::{Reader, Writer, broken};
use crate::window::hopping::Hopping;
use crate::window::pane::{Pane, Panes};
use crate::window::session::Sessions;

/// The greatest that slots without sketch and series with a key of 100 bytes take: growing would copy it all again.
pub(super) fn bytes(body: &Body) -> usize {
    let slots = match body {
        Body::Aligned(windows) => windows.panes.list().iter().map(|pane| pane.series.len()).sum(),
        Body::Hopping(windows) => windows.panes.list().iter().map(|pane| pane.series.len()).sum(),
        Body::Session(windows) => windows.live(),
    };
    slots * 104 + body.live() * 112
}

/// The live series in the order in which they are numbered.
pub(super) fn roster(body: &Body) -> Vec<u32> {
    match body {
        Body::Aligned(windows) => by_panes(&windows.panes),
        Body::Hopping(windows) => windows.panes.roster().to_vec(),
        Body::Session(windows) => windows.roster(),
    }
}

fn by_panes(panes: &Panes) -> Vec<u32> {
    let mut seen = vec![false; panes.series()];
    let mut order = Vec::with_capacity(panes.live());
    for id in panes.list().iter().flat_map(|pane| &pane.series) {
        if !std::mem::replace(&mut seen[*id as usize], true) {
            order.push(*id);
        }
    }
    order
}

pub(super) fn write(out: &mut Writer, body: &Body, roster: &[u32], numbers: &[u32]) {
    match body {
        Body::Aligned(windows) => write_panes(out, &windows.panes, numbers),
        Body::Hopping(windows) => {
            write_panes(out, &windows.panes, numbers);
            let mut revised: Vec<_> = windows.revised.iter().map(|((window, id), more)| (*window, numbers[*id as usize], *more)).collect();
            revised.sort_unstable();
            out.u64(revised.len() as u64);
            for (window, number, more) in revised {
                out.i64(window);
                out.u32(number);
                out.u32(more);
            }
        }
        Body::Session(windows) => {
            let (sessions, accumulators) = windows.in_order(roster);
            out.u64(sessions.len() as u64);
            for session in &sessions {
                out.u32(numbers[session.series as usize]);
                out.i64(session.start);
                out.i64(session.last);
                out.u32(session.emitted);
            }
            accumulators.write(out);
        }
    }
}

/// Reads them into a body that has none; `series` are known, numbered as in the snapshot.
pub(super) fn read(input: &mut Reader<'_>, body: &mut Body, series: usize) -> Result<()> {
    match body {
        Body::Aligned(windows) => read_panes(input, &mut windows.panes, series),
        Body::Hopping(windows) => {
            read_panes(input, &mut windows.panes, series)?;
            windows.panes.sort_roster();
            read_revised(input, windows, series)
        }
        Body::Session(windows) => read_sessions(input, windows, series),
    }
}

fn write_panes(out: &mut Writer, panes: &Panes, numbers: &[u32]) {
    out.u64(panes.list().len() as u64);
    panes.list().iter().for_each(|pane| write_pane(out, pane, numbers));
}

fn write_pane(out: &mut Writer, pane: &Pane, numbers: &[u32]) {
    out.i64(pane.index);
    out.u64(pane.series.len() as u64);
    for id in &pane.series {
        debug_assert!(numbers[*id as usize] != UNSEEN, "a series in a pane is live");
        out.u32(numbers[*id as usize]);
    }
    out.u32s(&pane.emitted);
    pane.accumulators.write(out);
}

fn read_panes(input: &mut Reader<'_>, panes: &mut Panes, series: usize) -> Result<()> {
    for _ in 0..input.len(1)? {
        let index = input.i64()?;
        if panes.list().back().is_some_and(|last| last.index >= index) {
            return Err(broken("its windows are not in order"));
        }
        let slots = input.u32s()?;
        if slots.iter().any(|number| *number as usize >= series) {
            return Err(broken("a window names a series that is not there"));
        }
        let emitted = input.u32s()?;
        if emitted.len() > slots.len() {
            return Err(broken("a window has more revisions than series"));
        }
        let accumulators = Accumulators::read_bytes(panes.layout().clone(), slots.len(), input)?;
        panes.restore(index, slots, accumulators, emitted).ok_or_else(|| broken("a series stands in a window twice"))?;
    }
    Ok(())
}

fn read_revised(input: &mut Reader<'_>, windows: &mut Hopping, series: usize) -> Result<()> {
    for _ in 0..input.len(16)? {
        let (window, number, more) = (input.i64()?, input.u32()?, input.u32()?);
        if number as usize >= series || windows.revised.insert((window, number), more).is_some() {
            return Err(broken("a revision is there twice, or of a series that is not there"));
        }
    }
    Ok(())
}

fn read_sessions(input: &mut Reader<'_>, windows: &mut Sessions, series: usize) -> Result<()> {
    let sessions = input.len(24)?;
    for _ in 0..sessions {
        let (number, start, last, emitted) = (input.u32()?, input.i64()?, input.i64()?, input.u32()?);
        let placed = ((number as usize) < series).then(|| windows.restore(number, start, last, emitted)).flatten();
        placed.ok_or_else(|| broken("a session is not after the one before it, or of a series that is not there"))?;
    }
    let accumulators = Accumulators::read_bytes(windows.layout().clone(), sessions, input)?;
    windows.restore_accumulators(accumulators);
    Ok(())
}
