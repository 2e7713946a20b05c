//! `floodmark alerts silences`: what is silent, by whom, and why.

use floodmark_connectors::clock::SystemClock;
use floodmark_core::ports::{Clock, Page};

use super::arguments::Format;
use crate::cli::args::Global;
use crate::cli::exit::{Exit, Outcome};
use crate::cli::listing::{Listed, list};
use crate::cli::open;
use crate::cli::selection::{Limit, Place};
use crate::cli::table::{Align, Table};
use crate::config::name_of;
use crate::incidents::{SilenceOverview, Situation, sentence};

/// Arguments of `floodmark alerts silences`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Also those that are over.
    #[arg(short, long)]
    pub all: bool,
    /// How many.
    #[command(flatten)]
    pub limit: Limit,
    /// How they are written.
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub format: Format,
    /// Where the data is.
    #[command(flatten)]
    pub place: Place,
}

/// Lists silences.
///
/// # Errors
/// When the store cannot be read.
pub(super) fn silences(global: &Global, args: &Args) -> Outcome {
    let now = SystemClock.now();
    let data = open::data(global, &args.place)?;
    open::block_on(global, async {
        let alerts = data.alerts(open::Access::Read).await?;
        let situation = Situation::read(&*alerts.query, data.policy()?).await?;
        let all = alerts.query.silences(args.all).await?;
        let all: Vec<SilenceOverview> = all.into_iter().map(|silence| SilenceOverview::of(silence, &situation, now)).collect();
        // They come all at once: a page is a part of them.
        let count = list(args.format.into(), args.limit.limit, |after: Option<String>, limit| {
            let start = after.and_then(|after| after.parse().ok()).unwrap_or(0);
            let items: Vec<SilenceOverview> = all.iter().skip(start).take(limit).cloned().collect();
            let end = start + items.len();
            std::future::ready(Ok(Page { items, next: (end < all.len()).then(|| end.to_string()) }))
        });
        count.await?.say(global, ("silence", "silences"), "without --all only those are listed that are not over");
        Ok(Exit::Ok)
    })
}

impl Listed for SilenceOverview {
    fn table(silences: &[Self]) -> Table {
        let left = |name| (name, Align::Left);
        let columns = [left("ID"), left("STATE"), left("FROM"), left("UNTIL"), ("ALERTS", Align::Right)];
        let mut table = Table::new(columns.into_iter().chain(["MATCHERS", "OWNER", "COMMENT"].map(left)));
        for overview in silences {
            let silence = &overview.silence;
            let state = match &silence.ended_by {
                Some(by) => format!("ended by {by}"),
                None => name_of(overview.state),
            };
            table.row(vec![
                sentence::short(&silence.id).to_owned(),
                state,
                sentence::time(silence.starts),
                sentence::time(silence.ends),
                overview.alerts.to_string(),
                sentence::matchers(&silence.matchers),
                silence.owner.clone(),
                silence.comment.clone(),
            ]);
        }
        table
    }
}
