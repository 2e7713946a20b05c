//! Series: in order of source and key.

use async_trait::async_trait;
use floodmark_core::ports::query::KnownSeries;
use floodmark_core::ports::{Page, SeriesFilter, SeriesQuery};
use floodmark_core::{Error, Result};
use floodmark_schemas::{Series, Timestamp};
use tokio_postgres::Row;

use super::token::{self, Tokens};
use super::{PAGE_MAX, rows};
use crate::stores::postgres::error::Doing;
use crate::stores::postgres::{Store, series_ids, text};

#[async_trait]
impl SeriesQuery for Store {
    async fn series(&self, filter: &SeriesFilter, after: Option<&str>, limit: usize) -> Result<Page<KnownSeries>> {
        let doing = "asking for series";
        let limit = limit.clamp(1, PAGE_MAX);
        let tokens = Tokens::of("s1", filter);
        let id: Option<i64> = after.map(|token| tokens.read(token, |id| id.parse().ok())).transpose()?;
        if filter.source.as_ref().is_some_and(|source| source.contains('\0')) {
            return Ok(Page { items: Vec::new(), next: None });
        }
        let client = self.client().await?;
        let (source, key) = match id.zip(after) {
            Some((id, token)) => {
                let row = client.query_opt("SELECT source, key FROM series WHERE id = $1", &[&id]).await.doing(doing)?;
                let row = row.ok_or_else(|| token::invalid(token))?;
                (row.get(0), row.get(1))
            }
            None => (String::new(), String::new()),
        };
        let sql = "SELECT id, source, key, first_seen_us, last_seen_us FROM series \
                   WHERE (source, key) > ($1, $2) AND first_seen_us IS NOT NULL AND ($3::text IS NULL OR source = $3) \
                   AND ($4::text IS NULL OR metric = $4) AND labels @> $5::text::jsonb ORDER BY source, key LIMIT $6";
        let statement = client.prepare_cached(sql).await.doing(doing)?;
        let (metric, labels) = (filter.metric.as_deref().map(text::held), series_ids::labels(&filter.labels));
        let values: [&(dyn tokio_postgres::types::ToSql + Sync); 6] = [&source, &key, &filter.source, &metric, &labels, &rows(limit)];
        let found = client.query(&statement, &values).await.doing(doing)?;
        let next = found.get(limit).map(|_| tokens.write(found[limit - 1].get::<_, i64>("id")));
        Ok(Page { items: found.iter().take(limit).map(known).collect::<Result<_>>()?, next })
    }
}

fn known(row: &Row) -> Result<KnownSeries> {
    let key: String = row.get("key");
    let series = Series::from_key(&key).map_err(|e| Error::broken("reading a series of PostgreSQL").because(e))?;
    let time = |column| Timestamp::from_micros(row.get(column));
    Ok(KnownSeries { source: row.get("source"), series, first_seen: time("first_seen_us"), last_seen: time("last_seen_us") })
}
