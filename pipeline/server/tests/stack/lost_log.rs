//! Rows N4 and N5: the log has lost what it had acknowledged, or is another one. The program refuses to go on, and says
//! so: going on would pass over what is written in its place.

use std::path::Path;

use floodmark_tests::support::jetstream;

use crate::servers::Own;
use crate::stack::{EVENTS, OUTPUTS, Settings, Stack};

/// Whether somebody has noticed: what the program says when it ends.
const LOST: [&str; 2] = ["has lost entries", "is another log"];

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("the temporary directory takes files");
    for entry in std::fs::read_dir(from).expect("it is a directory").flatten() {
        let target = to.join(entry.file_name());
        match entry.path().is_dir() {
            true => copy(&entry.path(), &target),
            false => drop(std::fs::copy(entry.path(), target).expect("the server has stopped")),
        }
    }
}

impl Stack {
    /// Sends for a moment, and waits until the stores have it.
    async fn goes_on(&mut self) {
        let work = async |stack: &mut Stack| {
            for _ in 0..20 {
                stack.acknowledges().await;
            }
        };
        self.under_load(work).await;
        self.settles().await;
    }

    /// The program ends by itself, or at its start, and `who` says why.
    async fn refuses(&mut self, who: &str) {
        let program = self.program.take().unwrap_or_else(|| self.installation.run());
        let (code, said) = program.ends().await;
        let noticed = said.lines().any(|line| line.contains(who) && LOST.iter().any(|lost| line.contains(lost)));
        assert!(noticed, "{who} does not say that the log has lost entries:\n{said}");
        assert_eq!(code, 1, "{said}");
        println!("{} seed {}: noticed by {who}", self.row, self.seed);
    }

    /// Puts an older copy of these streams in place of what is there. The server stops meanwhile.
    async fn loses_its_tail(&mut self, streams: &[&str]) {
        let (store, older) = (self.servers.nats.store_dir(), self.installation.path().join("older"));
        self.servers.nats.stop().await;
        for stream in streams {
            let folder = Path::new("jetstream/$G/streams").join(stream);
            std::fs::remove_dir_all(store.join(&folder)).expect("the server keeps each stream in a folder");
            copy(&older.join(&folder), &store.join(&folder));
        }
        self.servers.nats.restart().await;
        self.faults += 1;
    }
}

/// A program that runs, in the stores more than in the copy of the streams.
async fn stack(row: &'static str, settings: &Settings) -> Stack {
    let mut stack = Stack::new(row, Own::default(), settings).await;
    stack.start().await;
    stack.goes_on().await;
    stack.stop().await;
    stack.servers.nats.stop().await;
    copy(&stack.servers.nats.store_dir(), &stack.installation.path().join("older"));
    stack.servers.nats.restart().await;
    stack.start().await;
    stack.goes_on().await;
    stack
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn n4_a_job_notices_that_the_tail_of_the_log_is_lost() {
    let mut stack = stack("N4", &Settings::default()).await;
    stack.stop().await;
    stack.loses_its_tail(&[EVENTS]).await;
    // The sinks of events begin anew, so that only jobs can notice.
    stack.ask("UPDATE floodmark.sink_position SET position = 0, mark = NULL").await;
    stack.refuses("job").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn n4_a_sink_notices_that_the_tail_of_the_log_is_lost() {
    let mut stack = stack("N4", &Settings { operators: false, ..Settings::default() }).await;
    stack.stop().await;
    stack.loses_its_tail(&[EVENTS, OUTPUTS]).await;
    stack.refuses("sink").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn n4_a_program_that_runs_notices_that_the_tail_of_the_log_is_lost() {
    for operators in [true, false] {
        let mut stack = stack("N4", &Settings { operators, ..Settings::default() }).await;
        stack.loses_its_tail(&[EVENTS, OUTPUTS]).await;
        stack.refuses("").await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn n5_a_stream_that_was_deleted_and_made_again_is_noticed_at_the_start() {
    // With operators jobs and sinks can notice it: whoever starts first says so.
    for (stream, operators, who) in [(EVENTS, true, ""), (EVENTS, false, "sink"), (OUTPUTS, true, "sink")] {
        let mut stack = Stack::new("N5", Own::default(), &Settings { operators, ..Settings::default() }).await;
        stack.start().await;
        stack.goes_on().await;
        stack.stop().await;
        delete(&stack, stream).await;
        stack.refuses(who).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn n5_a_stream_that_was_deleted_and_made_again_is_noticed_while_the_program_runs() {
    let mut stack = Stack::new("N5", Own::default(), &Settings::default()).await;
    stack.start().await;
    stack.goes_on().await;
    delete(&stack, EVENTS).await;
    let (code, said) = stack.installation.start(&["streams", "apply"]).ends().await;
    assert_eq!(code, 0, "{said}");
    stack.refuses("").await;
}

async fn delete(stack: &Stack, name: &str) {
    let client = async_nats::connect(stack.servers.nats.url()).await.expect("the server runs");
    async_nats::jetstream::new(client).delete_stream(name).await.expect("the stream is there");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn n4_a_log_that_lost_nothing_is_not_refused() {
    let mut stack = stack("N4", &Settings::default()).await;
    let tail = jetstream::tail(stack.servers.nats.url(), EVENTS).await;
    stack.stop().await;
    stack.servers.nats.stop().await;
    stack.servers.nats.restart().await;
    stack.start().await;
    stack.goes_on().await;
    assert!(jetstream::tail(stack.servers.nats.url(), EVENTS).await > tail);
    stack.settle().await;
}
