//! What `docs/guides/postgres.md` says about the database is true: its questions have the answers it shows, its columns are
//! there.

use floodmark_core::conformance::store::frame_entry;
use floodmark_schemas::{Check, Encoding, Event, Reason, Series};

use crate::common::{There, secs, write};

const GUIDE: &str = include_str!("../../../docs/guides/postgres.md");
/// 2027-01-15T08:00:00Z.
const START: i64 = 1_800_000_000;

fn blocks(language: &str) -> Vec<&'static str> {
    let begin = format!("```{language}\n");
    GUIDE.split(begin.as_str()).skip(1).map(|rest| rest.split("```").next().unwrap()).collect()
}

async fn filled() -> There {
    let there = There::new().await;
    let load = |id: &str, after: i64, value| {
        Event::sample("host", id, secs(START + after), Series::new("load").unit("1").label("core", "0"), value)
    };
    let look = |after: i64, check| Event::check("web", after.to_string(), secs(START + after), check);
    let up = || Check { up: Some(true), ..Check::of("https://a") };
    let detail = Some("no answer in 5 s".to_owned());
    let down = Check { up: Some(false), reason: Some(Reason::ConnectTimeout), detail, ..Check::of("https://a") };
    let host = vec![load("1", 0, 0.5), load("2", 30, 2.0), load("3", 120, 3.0), load("\0", 150, 4.0)];
    let web = vec![look(0, up()), look(60, down), look(120, up()), look(180, up())];
    let entries = [frame_entry(1, "host", Encoding::Json, host), frame_entry(2, "web", Encoding::Json, web)];
    write(&there.raw(), &entries, 0, 2).await;
    there
}

#[tokio::test]
async fn the_questions_of_the_guide_have_the_answers_it_shows() {
    let there = filled().await;
    let (questions, answers) = (blocks("sql"), blocks("text"));
    assert_eq!((questions.len(), answers.len()), (5, 5));
    for (question, expected) in questions.into_iter().zip(answers) {
        let expected: Vec<&str> = expected.lines().collect();
        assert_eq!(there.rows(question).await, expected, "{question}");
    }
}

#[tokio::test]
async fn tables_and_views_have_the_columns_that_the_guide_names() {
    let there = filled().await;
    let mut compared = 0;
    for line in GUIDE.lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let name = cells[0].split(',').next().unwrap().trim_matches('`');
        let sql = format!(
            "SELECT string_agg(attname, ',' ORDER BY attnum) FROM pg_attribute WHERE attrelid = to_regclass('{name}') AND attnum > 0"
        );
        let actual = there.rows(&sql).await.remove(0);
        if actual != "null" && name != "event" && cells.len() == 3 {
            assert_eq!(cells[2].replace(['`', ' '], ""), actual, "{name}");
            compared += 1;
        }
    }
    assert_eq!(compared, 19);
    let documented: Vec<&str> =
        GUIDE.split("| column of `event` |").nth(1).unwrap().lines().skip(2).take_while(|line| line.starts_with("| `")).collect();
    let mut documented: Vec<String> = documented
        .iter()
        .flat_map(|line| line.split('|').nth(1).unwrap().split(','))
        .map(|c| c.trim().trim_matches('`').to_owned())
        .collect();
    documented.sort();
    let columns = "SELECT attname FROM pg_attribute WHERE attrelid = 'event'::regclass AND attnum > 0 ORDER BY attname COLLATE \"C\"";
    assert_eq!(there.rows(columns).await, documented);
}
