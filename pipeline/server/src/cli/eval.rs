//! `floodmark eval`: what does an expression give?

use floodmark_core::expression::{Expression, Fault, Row, Scope, Subject, Type};
use floodmark_schemas::{Series, Timestamp};

use super::exit::{Exit, Failure, Outcome};
use super::output::print;

/// Arguments of `floodmark eval`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  floodmark eval 'value * 9 / 5 + 32' --value 20
  floodmark eval 'labels.host =~ \"^web-\" and value > 10' --value 12.5 --label host=web-1

What can be written is described in docs/guides/expressions.md.")]
pub struct Args {
    /// The expression.
    pub expression: String,
    /// The value of the sample.
    #[arg(long, allow_negative_numbers = true, default_value_t = 0.0)]
    pub value: f64,
    /// The metric.
    #[arg(long, default_value = "")]
    pub metric: String,
    /// The unit.
    #[arg(long, default_value = "")]
    pub unit: String,
    /// The source.
    #[arg(long, default_value = "")]
    pub source: String,
    /// A label; may be given several times.
    #[arg(long = "label", value_name = "NAME=VALUE", value_parser = label)]
    pub labels: Vec<(String, String)>,
    /// The time, as RFC 3339.
    #[arg(long, default_value = "1970-01-01T00:00:00Z", value_parser = time)]
    pub time: Timestamp,
}

fn label(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("a label is NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

fn time(text: &str) -> Result<Timestamp, String> {
    Timestamp::parse(text).map_err(|e| e.to_string())
}

/// Prints what the expression gives; when it is wrong, where, with exit code 64.
///
/// # Errors
/// What is wrong with the expression.
pub fn eval(args: &Args) -> Outcome {
    let expression = Expression::compile(&args.expression, &Scope::sample()).map_err(|fault| explain(&args.expression, &fault))?;
    let series = Series::new(&args.metric).unit(&args.unit);
    let series = args.labels.iter().fold(series, |series, (name, value)| series.label(name, value));
    let row = Row { time: args.time.micros(), numbers: &[args.value] };
    let found = expression.evaluate(&Subject { source: &args.source, series: &series }, &row);
    print(&match expression.gives() {
        Type::Boolean => format!("{}\n", found != 0.0),
        _ if found.is_finite() => format!("{found}\n"),
        _ => "not finite: as a `value` the sample would be left out\n".to_owned(),
    })
}

/// The expression with the place underlined.
fn explain(text: &str, fault: &Fault) -> Failure {
    // One line for the eye; line breaks and tabs would move the marks.
    let line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let before = text[..fault.at.start].chars().count();
    let marks = text[fault.at.clone()].chars().count().max(1);
    let what = format!("{}\n  {line}\n  {}{}", fault.message, " ".repeat(before), "^".repeat(marks));
    Failure::Other(Exit::Usage, what, Some(fault.help.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_is_underlined() {
        let fault = Expression::compile("value > 'ü'\nand true", &Scope::sample()).unwrap_err();
        let expected = "floodmark: expected a number, found a text\n  value > 'ü' and true\n          ^^^\n  Help: if a number is written in it, write number('ü')\n";
        assert_eq!(explain("value > 'ü'\nand true", &fault).render(false), expected);
    }
}
