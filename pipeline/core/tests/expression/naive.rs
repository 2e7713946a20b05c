//! Expressions evaluated by the book: one look at a whole tree, for each row anew.

use floodmark_schemas::Series;
use proptest::prelude::*;

/// A series and its source.
#[derive(Clone, Debug)]
pub struct World {
    pub source: String,
    pub series: Series,
}

#[derive(Clone, Debug)]
pub enum Formula {
    Literal(i16),
    Value,
    Hour,
    /// In a place whose clocks have been 5:45 h ahead since 1986, or 14 h since 1995.
    HourAt(&'static str),
    OfLabel(&'static str),
    Negative(Box<Formula>),
    Abs(Box<Formula>),
    Binary(char, Box<Formula>, Box<Formula>),
    Min(Vec<Formula>),
    If(Box<Condition>, Box<Formula>, Box<Formula>),
}

#[derive(Clone, Debug)]
pub enum Condition {
    Literal(bool),
    Has(&'static str),
    Same(&'static str, &'static str),
    Starts(&'static str),
    Compare(&'static str, Box<Formula>, Box<Formula>),
    Among(Box<Formula>, Vec<i16>),
    Not(Box<Condition>),
    All(Vec<Condition>),
    Any(Vec<Condition>),
    If(Box<Condition>, Box<Condition>, Box<Condition>),
}

impl Formula {
    pub fn text(&self) -> String {
        match self {
            Self::Literal(n) => format!("({n})"),
            Self::Value => "value".to_owned(),
            Self::Hour => "hour(time)".to_owned(),
            Self::HourAt(place) => format!("hour(time, \"{place}\")"),
            Self::OfLabel(label) => format!("number(labels.{label})"),
            Self::Negative(of) => format!("-{}", of.text()),
            Self::Abs(of) => format!("abs({})", of.text()),
            Self::Binary(operator, a, b) => format!("({} {operator} {})", a.text(), b.text()),
            Self::Min(list) => format!("min({})", list.iter().map(Self::text).collect::<Vec<_>>().join(", ")),
            Self::If(c, a, b) => format!("if({}, {}, {})", c.text(), a.text(), b.text()),
        }
    }

    pub fn of(&self, world: &World, value: f64, time: i64) -> f64 {
        let of = |formula: &Self| formula.of(world, value, time);
        match self {
            Self::Literal(n) => f64::from(*n),
            Self::Value => value,
            Self::Hour => (time.div_euclid(1_000_000) / 3_600).rem_euclid(24) as f64,
            Self::HourAt(place) => {
                let minutes = if *place == PLACES[0] { 345 } else { 840 };
                ((time.div_euclid(60_000_000) + minutes) / 60).rem_euclid(24) as f64
            }
            Self::OfLabel(label) => world.series.labels.get(*label).and_then(|text| text.parse().ok()).unwrap_or(f64::NAN),
            Self::Negative(a) => -of(a),
            Self::Abs(a) => of(a).abs(),
            Self::Binary('+', a, b) => of(a) + of(b),
            Self::Binary('-', a, b) => of(a) - of(b),
            Self::Binary('*', a, b) => of(a) * of(b),
            Self::Binary('/', a, b) => of(a) / of(b),
            Self::Binary(_, a, b) => of(a) % of(b),
            Self::Min(list) => {
                let values: Vec<f64> = list.iter().map(of).collect();
                match values.iter().any(|v| v.is_nan()) {
                    true => f64::NAN,
                    // Of equal ones the first.
                    false => values.iter().copied().reduce(|a, b| if b < a { b } else { a }).unwrap(),
                }
            }
            Self::If(c, a, b) => of(if c.holds(world, value, time) { a } else { b }),
        }
    }
}

impl Condition {
    pub fn text(&self) -> String {
        let join = |list: &[Self], by: &str| format!("({})", list.iter().map(Self::text).collect::<Vec<_>>().join(by));
        match self {
            Self::Literal(value) => value.to_string(),
            Self::Has(label) => format!("has(labels.{label})"),
            Self::Same(label, text) => format!("labels.{label} == '{text}'"),
            Self::Starts(text) => format!("starts_with(metric, \"{text}\")"),
            Self::Compare(operator, a, b) => format!("({} {operator} {})", a.text(), b.text()),
            Self::Among(of, list) => {
                format!("({} in [{}])", of.text(), list.iter().map(i16::to_string).collect::<Vec<_>>().join(", "))
            }
            Self::Not(of) => format!("(not {})", of.text()),
            Self::All(list) => join(list, " and "),
            Self::Any(list) => join(list, " or "),
            Self::If(c, a, b) => format!("if({}, {}, {})", c.text(), a.text(), b.text()),
        }
    }

    pub fn holds(&self, world: &World, value: f64, time: i64) -> bool {
        let holds = |condition: &Self| condition.holds(world, value, time);
        let of = |formula: &Formula| formula.of(world, value, time);
        match self {
            Self::Literal(value) => *value,
            Self::Has(label) => world.series.labels.contains_key(*label),
            Self::Same(label, text) => world.series.labels.get(*label).map_or("", String::as_str) == *text,
            Self::Starts(text) => world.series.metric.starts_with(text),
            Self::Compare("<", a, b) => of(a) < of(b),
            Self::Compare("<=", a, b) => of(a) <= of(b),
            Self::Compare(">", a, b) => of(a) > of(b),
            Self::Compare(">=", a, b) => of(a) >= of(b),
            Self::Compare("==", a, b) => of(a) == of(b),
            Self::Compare(_, a, b) => of(a) != of(b),
            Self::Among(a, list) => list.iter().any(|n| f64::from(*n) == of(a)),
            Self::Not(a) => !holds(a),
            Self::All(list) => list.iter().all(holds),
            Self::Any(list) => list.iter().any(holds),
            Self::If(c, a, b) => holds(if holds(c) { a } else { b }),
        }
    }
}

const LABELS: [&str; 3] = ["host", "core", "zone"];
/// 1996-01-01, in microseconds.
const PLACES_SINCE: i64 = 820_454_400_000_000;
const PLACES: [&str; 2] = ["Asia/Kathmandu", "Pacific/Kiritimati"];
const VALUES: [&str; 4] = ["", "a", "3", "-0.5"];

/// Conditions whose formulas have no conditions in them, and formulas: both some levels deep.
pub fn conditions() -> impl Strategy<Value = Condition> {
    let leaf = prop_oneof![
        1 => any::<bool>().prop_map(Condition::Literal),
        2 => prop::sample::select(&LABELS[..]).prop_map(Condition::Has),
        3 => (prop::sample::select(&LABELS[..]), prop::sample::select(&VALUES[..])).prop_map(|(label, text)| Condition::Same(label, text)),
        1 => prop::sample::select(vec!["cpu", "c", "x", ""]).prop_map(Condition::Starts),
        4 => (prop::sample::select(vec!["<", "<=", ">", ">=", "==", "!="]), plain(), plain())
            .prop_map(|(operator, a, b)| Condition::Compare(operator, Box::new(a), Box::new(b))),
        1 => (plain(), prop::collection::vec(-3..4i16, 1..4)).prop_map(|(of, list)| Condition::Among(Box::new(of), list)),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        let list = prop::collection::vec(inner.clone(), 2..5);
        prop_oneof![
            inner.clone().prop_map(|of| Condition::Not(Box::new(of))),
            list.clone().prop_map(Condition::All),
            list.prop_map(Condition::Any),
            (inner.clone(), inner.clone(), inner).prop_map(|(c, a, b)| Condition::If(Box::new(c), Box::new(a), Box::new(b))),
        ]
    })
}

fn plain() -> BoxedStrategy<Formula> {
    let leaf = prop_oneof![
        2 => (-4..5i16).prop_map(Formula::Literal),
        3 => Just(Formula::Value),
        1 => Just(Formula::Hour),
        1 => prop::sample::select(&PLACES[..]).prop_map(Formula::HourAt),
        1 => prop::sample::select(&LABELS[..]).prop_map(Formula::OfLabel),
    ];
    let deep = leaf.prop_recursive(3, 12, 3, |inner| {
        let pair = (prop::sample::select(vec!['+', '-', '*', '/', '%']), inner.clone(), inner.clone());
        prop_oneof![
            3 => pair.prop_map(|(operator, a, b)| Formula::Binary(operator, Box::new(a), Box::new(b))),
            1 => inner.clone().prop_map(|of| Formula::Negative(Box::new(of))),
            1 => inner.clone().prop_map(|of| Formula::Abs(Box::new(of))),
            1 => prop::collection::vec(inner, 2..5).prop_map(Formula::Min),
        ]
    });
    deep.boxed()
}

pub fn formulas() -> impl Strategy<Value = Formula> {
    let choice = (conditions(), plain(), plain()).prop_map(|(c, a, b)| Formula::If(Box::new(c), Box::new(a), Box::new(b)));
    prop_oneof![plain(), choice]
}

pub fn series() -> impl Strategy<Value = World> {
    let labels = prop::collection::btree_map(prop::sample::select(&LABELS[..]), prop::sample::select(&VALUES[1..]), 0..3);
    (prop::sample::select(vec!["cpu_usage", "x"]), labels).prop_map(|(metric, labels)| {
        let series = labels.into_iter().fold(Series::new(metric), |series, (name, value)| series.label(name, value));
        World { source: "machine".to_owned(), series }
    })
}

pub fn rows() -> impl Strategy<Value = Vec<(f64, i64)>> {
    let value = prop_oneof![(-4..5i16).prop_map(f64::from), any::<f64>().prop_filter("values of samples are finite", |v| v.is_finite())];
    prop::collection::vec((value, PLACES_SINCE..4_000_000_000_000_000i64), 1..6)
}
