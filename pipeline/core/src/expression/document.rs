//! The functions as the guide shows them, and the value on which their examples are run.

use floodmark_schemas::Series;

use super::function::FUNCTIONS;

/// The value of all examples: series, source, value and time (2026-01-31T14:30:00Z, a Saturday).
pub fn example() -> (Series, &'static str, f64, i64) {
    let series = Series::new("cpu_usage").unit("%").label("core", "3").label("host", "web-1").label("zone", "EU");
    (series, "machine", 12.5, 1_769_869_800_000_000)
}

/// The table of functions, as Markdown.
pub fn functions_page() -> String {
    let mut page = "| function | what it gives | example | = |\n|---|---|---|---|\n".to_owned();
    for function in FUNCTIONS {
        let cells = [function.signature, function.example, function.gives].map(|text| format!("`{}`", text.replace('|', "\\|")));
        let [signature, example, gives] = cells;
        page.push_str(&format!("| {signature} | {} | {example} | {gives} |\n", function.about));
    }
    page
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::expression::{Expression, Row, Scope, Subject, Type};

    #[test]
    fn every_example_gives_what_it_says() {
        let (series, source, value, time) = example();
        for function in FUNCTIONS {
            let expression = Expression::compile(function.example, &Scope::sample()).unwrap_or_else(|e| panic!("{}: {e}", function.name));
            assert!(function.example.contains(&format!("{}(", function.name)), "{}", function.name);
            let found = expression.evaluate(&Subject { source, series: &series }, &Row { time, numbers: &[value] });
            let found = match expression.gives() {
                Type::Boolean => (found != 0.0).to_string(),
                _ => found.to_string(),
            };
            assert_eq!(found, function.gives, "{}", function.example);
        }
    }

    #[test]
    fn the_guide_shows_the_functions_as_they_are() {
        let guide = include_str!("../../../../docs/guides/expressions.md");
        assert!(guide.contains(&functions_page()), "put this into docs/guides/expressions.md:\n{}", functions_page());
    }
}
