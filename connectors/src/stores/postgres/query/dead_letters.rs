//! Dead letters: newest first, then in order of component and id.

use async_trait::async_trait;
use floodmark_core::Result;
use floodmark_core::ports::{DeadLetterQuery, Page};
use floodmark_schemas::{DeadLetter, Timestamp};
use tokio_postgres::Row;

use super::token::{self, Tokens};
use super::{PAGE_MAX, rows};
use crate::stores::postgres::error::Doing;
use crate::stores::postgres::{Store, dead_letters, text};

const COLUMNS: &str = "number, component, id, origin, reason, time_us, original";

#[async_trait]
impl DeadLetterQuery for Store {
    async fn dead_letters(&self, component: Option<&str>, after: Option<&str>, limit: usize) -> Result<Page<DeadLetter>> {
        let doing = "asking for dead letters";
        let limit = limit.clamp(1, PAGE_MAX);
        let tokens = Tokens::of("d1", &component);
        let number: Option<i64> = after.map(|token| tokens.read(token, |number| number.parse().ok())).transpose()?;
        let client = self.client().await?;
        let place = match number.zip(after) {
            Some((number, token)) => {
                let sql = "SELECT time_us, component, id FROM dead_letter WHERE number = $1";
                let row = client.query_opt(sql, &[&number]).await.doing(doing)?.ok_or_else(|| token::invalid(token))?;
                (row.get::<_, i64>(0), row.get::<_, String>(1), row.get::<_, String>(2))
            }
            None => (i64::MAX, String::new(), String::new()),
        };
        // `time_us <= $1` lets the index by time begin at the page; the rest leaves out what stands before it.
        let sql = format!(
            "SELECT {COLUMNS} FROM dead_letter WHERE time_us <= $1 AND (time_us < $1 OR (component, id) > ($2, $3)) \
             AND ($4::text IS NULL OR component = $4) ORDER BY time_us DESC, component, id LIMIT $5"
        );
        let component = component.map(text::held);
        let statement = client.prepare_cached(&sql).await.doing(doing)?;
        let found = client.query(&statement, &[&place.0, &place.1, &place.2, &component, &rows(limit)]).await.doing(doing)?;
        let next = found.get(limit).map(|_| tokens.write(found[limit - 1].get::<_, i64>("number")));
        Ok(Page { items: found.iter().take(limit).map(letter).collect(), next })
    }

    async fn dead_letter(&self, component: &str, id: &str) -> Result<Option<DeadLetter>> {
        let sql = format!("SELECT {COLUMNS} FROM dead_letter WHERE identity = $1");
        let client = self.client().await?;
        let row = client.query_opt(&sql, &[&dead_letters::identity(component, id)]).await.doing("asking for a dead letter")?;
        Ok(row.as_ref().map(letter))
    }
}

fn letter(row: &Row) -> DeadLetter {
    let whole = |column| text::whole(row.get(column));
    DeadLetter {
        component: whole("component"),
        id: whole("id"),
        origin: whole("origin"),
        reason: whole("reason"),
        time: Timestamp::from_micros(row.get("time_us")),
        original: whole("original"),
    }
}
