//! The servers of one test: those it may kill are its own, the others are those of all tests.

use floodmark_tests::servers::{Mongo, Nats, Postgres, mongodb, postgres};

/// Which servers a test does something to. NATS is always its own.
#[derive(Clone, Copy, Debug, Default)]
pub struct Own {
    pub postgres: bool,
    pub mongo: bool,
}

pub struct Servers {
    pub nats: Nats,
    // A database is dropped before its server.
    pub database: postgres::Database,
    pub rollups: mongodb::Database,
    postgres: Option<Postgres>,
    mongo: Option<Mongo>,
}

impl Servers {
    pub async fn start(own: Own) -> Self {
        let nats = Nats::start().await;
        let postgres = if own.postgres { Some(Postgres::start().await) } else { None };
        let database = match &postgres {
            Some(own) => own.database().await,
            None => Postgres::shared().await.database().await,
        };
        let mongo = if own.mongo { Some(Mongo::start().await) } else { None };
        let rollups = match &mongo {
            Some(own) => own.database(),
            None => Mongo::shared().await.database(),
        };
        Self { nats, database, rollups, postgres, mongo }
    }

    pub fn postgres(&mut self) -> &mut Postgres {
        self.postgres.as_mut().expect("the test has asked for its own")
    }

    pub fn mongo(&mut self) -> &mut Mongo {
        self.mongo.as_mut().expect("the test has asked for its own")
    }
}
