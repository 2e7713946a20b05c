//! The benchmark's scorer: what alerts earn by when they come.
//!
//! - The first 15 % of a file, at most 750 rows, do not count.
//! - The best alert in a window earns up to 1, the more the earlier it is; a window without one costs 1 (2 where misses count double).
//! - An alert outside of windows costs up to 0.11 (0.22 where false alerts count double), the less the nearer it is behind a window.
//! - One threshold for all files. The sum is stretched so that saying nothing is 0 and perfection 100.

use super::corpus::File;

const PROBATION: f64 = 0.15;
const PROBATION_ROWS_MAX: usize = 750;

/// What a hit earns, a false alert costs and a miss costs: standard, reward low false positives, reward low false negatives.
const PROFILES: [[f64; 3]; 3] = [[1.0, 0.11, 1.0], [1.0, 0.22, 1.0], [1.0, 0.11, 2.0]];

/// What was earned in each profile, from 0 for saying nothing to 100.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Points(pub [f64; 3]);

/// All rows that count, and what an alert there is worth.
#[derive(Debug)]
pub struct Corpus {
    rows: Vec<Place>,
    /// Which rows of each file count.
    from: Vec<usize>,
    windows: usize,
    /// Windows of which a row counts.
    reachable: usize,
}

#[derive(Clone, Copy, Debug)]
struct Place {
    window: Option<usize>,
    gain: f64,
}

/// What was flagged so far.
struct Tally {
    /// The best alert of each window.
    best: Vec<Option<f64>>,
    hits: f64,
    found: usize,
    outside: f64,
}

impl Corpus {
    /// A corpus of files.
    pub fn new(files: &[File]) -> Self {
        let mut corpus = Self { rows: Vec::new(), from: Vec::new(), windows: 0, reachable: 0 };
        for file in files {
            let from = ((PROBATION * file.rows.len() as f64) as usize).min(PROBATION_ROWS_MAX);
            corpus.rows.extend((from..file.rows.len()).map(|row| place(file, row, corpus.windows)));
            corpus.from.push(from);
            corpus.windows += file.windows.len();
            corpus.reachable += file.windows.iter().filter(|window| window.end > from).count();
        }
        corpus
    }

    /// What scores of all files earn with the threshold that is best in each profile.
    pub fn best(&self, scores: &[Vec<f64>]) -> Points {
        self.walk(scores, f64::NEG_INFINITY).0
    }

    /// What they earn with one threshold.
    pub fn at(&self, scores: &[Vec<f64>], threshold: f64) -> Points {
        self.walk(scores, threshold).1
    }

    /// Flags rows from the greatest score down to `least`: the best points on the way, and those at its end.
    fn walk(&self, scores: &[Vec<f64>], least: f64) -> (Points, Points) {
        let counted = scores.iter().zip(&self.from).flat_map(|(scores, from)| &scores[*from..]);
        let mut rows: Vec<(f64, Place)> = counted.copied().zip(self.rows.iter().copied()).filter(|(score, _)| *score >= least).collect();
        rows.sort_by(|(one, _), (other, _)| other.total_cmp(one));
        let mut tally = Tally { best: vec![None; self.windows], hits: 0.0, found: 0, outside: 0.0 };
        let (mut best, mut last) = (Points([0.0; 3]), Points([0.0; 3]));
        for (n, (score, place)) in rows.iter().enumerate() {
            tally.flag(*place);
            if rows.get(n + 1).is_none_or(|(next, _)| next != score) {
                last = self.points(&tally);
                best = Points(std::array::from_fn(|profile| best.0[profile].max(last.0[profile])));
            }
        }
        (best, last)
    }

    fn points(&self, tally: &Tally) -> Points {
        let missed = (self.reachable - tally.found) as f64;
        Points(PROFILES.map(|[hit, outside, miss]| {
            let sum = hit * tally.hits + outside * tally.outside - miss * missed;
            let nothing = -miss * self.reachable as f64;
            100.0 * (sum - nothing) / (hit * self.windows as f64 - nothing)
        }))
    }
}

impl Tally {
    fn flag(&mut self, place: Place) {
        let Some(window) = place.window else {
            self.outside += place.gain;
            return;
        };
        let best = &mut self.best[window];
        self.found += usize::from(best.is_none());
        let before = best.unwrap_or(0.0);
        *best = Some(before.max(place.gain));
        self.hits += place.gain.max(before) - before;
    }
}

/// What an alert at a row is worth; `windows` are in the files before.
fn place(file: &File, row: usize, windows: usize) -> Place {
    if let Some(number) = file.windows.iter().position(|window| window.contains(&row)) {
        let window = &file.windows[number];
        let from_end = (window.end - row) as f64 / window.len() as f64;
        return Place { window: Some(windows + number), gain: worth(-from_end) / worth(-1.0) };
    }
    let before = file.windows.iter().rev().find(|window| window.end <= row);
    let gain = before.map_or(-1.0, |window| worth((row + 1 - window.end) as f64 / (window.len() as f64 - 1.0)));
    Place { window: None, gain }
}

/// From 1 well before the end of a window to -1 well behind it, in lengths of the window.
fn worth(position: f64) -> f64 {
    if position > 3.0 { -1.0 } else { 2.0 / (1.0 + (5.0 * position).exp()) - 1.0 }
}

#[cfg(test)]
mod tests {
    use floodmark_schemas::Timestamp;

    use super::*;
    use crate::bench::nab::corpus::Row;

    /// 1,000 rows with windows at 400 to 500 and 700 to 800.
    fn corpus() -> Corpus {
        let rows = (0..1_000).map(|n| Row { time: Timestamp::from_secs(n), value: 0.0 }).collect();
        Corpus::new(&[File { rows, windows: vec![400..500, 700..800] }])
    }

    fn standard(rows: &[usize]) -> f64 {
        let mut flags = vec![0.0; 1_000];
        rows.iter().for_each(|row| flags[*row] = 1.0);
        let Points([standard, ..]) = corpus().at(&[flags], 0.5);
        standard
    }

    #[test]
    fn nothing_is_0_and_the_first_row_of_each_window_is_100() {
        assert_eq!((standard(&[]), standard(&[0, 149]), standard(&[400, 700])), (0.0, 0.0, 100.0));
        assert_eq!(standard(&[400, 450, 499, 700, 701]), 100.0);
    }

    #[test]
    fn late_is_less_and_outside_costs() {
        let is_near = |found: f64, expected: f64| (found - expected).abs() < 1e-9;
        // Ten rows before the end of a hundred: (2 / (1 + exp(-0.5)) - 1) / (2 / (1 + exp(-5)) - 1) instead of 1.
        let part = (0.25_f64).tanh() / (2.5_f64).tanh();
        assert!(is_near(standard(&[490, 700]), 100.0 * (3.0 + part) / 4.0));
        // One false alert in two windows with their misses.
        assert!(is_near(standard(&[200, 400, 700]), 100.0 * (4.0 - 0.11) / 4.0));
        assert!(standard(&[400, 501, 700]) > standard(&[400, 600, 700]));
        assert!(standard(&[300]) < 0.0);
    }

    #[test]
    fn the_best_threshold_is_never_worse_than_silence() {
        let mut scores = vec![0.0; 1_000];
        (scores[200], scores[400], scores[600]) = (0.9, 0.8, 0.7);
        let (Points(best), Points(at)) = (corpus().best(&[scores.clone()]), corpus().at(&[scores], 0.8));
        assert_eq!((best[0], best[1]), (at[0], at[1]));
        assert_eq!(corpus().best(&[vec![0.0; 1_000]]), Points([0.0; 3]));
    }
}
