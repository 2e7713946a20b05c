//! Times in PostgreSQL: microseconds since 2000-01-01T00:00:00Z, from 4713 BC to the year 294276, and two infinities
//! (<https://www.postgresql.org/docs/current/datatype-datetime.html>, `src/include/datatype/timestamp.h`).

use floodmark_schemas::Timestamp;
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type, to_sql_checked};

/// From 1970 to 2000.
const EPOCH_US: i64 = 946_684_800_000_000;
/// The first time that can be held, 4713 BC, on the scale of PostgreSQL.
const FIRST: i64 = -211_813_488_000_000_000;

/// A time as PostgreSQL counts it; `None` when it cannot hold it: before 4713 BC. The last it can hold, of the year 294276, is
/// beyond what microseconds since 1970 reach.
pub(super) fn exact(time: i64) -> Option<i64> {
    time.checked_sub(EPOCH_US).filter(|time| *time >= FIRST)
}

/// A time as it stands in a parameter or a column: what lies before those that can be held is `-infinity`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Time(pub(super) Timestamp);

impl Time {
    fn cut(self) -> i64 {
        exact(self.0.micros()).unwrap_or(i64::MIN)
    }
}

impl ToSql for Time {
    fn to_sql(&self, _: &Type, out: &mut bytes::BytesMut) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        out.extend_from_slice(&self.cut().to_be_bytes());
        Ok(IsNull::No)
    }

    fn accepts(kind: &Type) -> bool {
        *kind == Type::TIMESTAMPTZ
    }

    to_sql_checked!();
}

impl<'a> FromSql<'a> for Time {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn std::error::Error + Sync + Send>> {
        let time = i64::from_be_bytes(raw.try_into()?);
        Ok(Self(Timestamp::from_micros(time.saturating_add(EPOCH_US))))
    }

    fn accepts(kind: &Type) -> bool {
        *kind == Type::TIMESTAMPTZ
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_postgresql_cannot_hold_is_minus_infinity_and_never_another_time() {
        for (time, expected) in [
            (0, Some(-EPOCH_US)),
            (EPOCH_US + FIRST, Some(FIRST)),
            (EPOCH_US + FIRST - 1, None),
            (i64::MAX, Some(i64::MAX - EPOCH_US)),
            (i64::MIN, None),
            // This would read as the infinity itself.
            (i64::MIN + EPOCH_US, None),
        ] {
            assert_eq!(exact(time), expected, "{time}");
        }
        assert_eq!(Time(Timestamp::MIN).cut(), i64::MIN);
    }
}
