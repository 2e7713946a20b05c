//! Runs a command with one PostgreSQL and one MongoDB for all tests in it: `with_servers cargo nextest run ..`. A server
//! that the environment names already is used instead. They are gone when this ends, also by Ctrl-C or a kill.

use std::process::ExitCode;

use floodmark_tests::servers::{Mongo, Postgres, mongodb, postgres};
use tokio::process::Command;
use tokio::signal::unix::{SignalKind, signal};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    // The terminal sends Ctrl-C to the command as well: it ends in order, and this after it.
    let mut interrupted = signal(SignalKind::interrupt()).expect("signals can be listened to");
    let mut terminated = signal(SignalKind::terminate()).expect("signals can be listened to");
    let arguments: Vec<_> = std::env::args_os().skip(1).collect();
    let (program, arguments) = arguments.split_first().expect("usage: with_servers <command> [argument ..]");

    let starting = async { tokio::join!(postgres(), mongo()) };
    let (postgres, mongo) = tokio::select! {
        started = starting => started,
        _ = interrupted.recv() => return ExitCode::from(130),
        _ = terminated.recv() => return ExitCode::from(143),
    };
    let mut command = Command::new(program);
    command.args(arguments).kill_on_drop(true);
    command.envs(postgres.iter().map(|server| (postgres::URI, server.uri())));
    command.envs(mongo.iter().map(|server| (mongodb::URI, server.uri())));
    let mut running = command.spawn().unwrap_or_else(|e| panic!("{} cannot be started: {e}", program.display()));
    loop {
        tokio::select! {
            ended = running.wait() => {
                let code = ended.expect("it is a child of this process").code();
                return code.and_then(|code| u8::try_from(code).ok()).map_or(ExitCode::FAILURE, ExitCode::from);
            }
            _ = interrupted.recv() => {}
            _ = terminated.recv() => return ExitCode::from(143),
        }
    }
}

async fn postgres() -> Option<Postgres> {
    if is_set(postgres::URI) { None } else { Some(Postgres::with_settings(&[postgres::WITHOUT_FSYNC]).await) }
}

async fn mongo() -> Option<Mongo> {
    if is_set(mongodb::URI) { None } else { Some(Mongo::start().await) }
}

fn is_set(variable: &str) -> bool {
    std::env::var_os(variable).is_some_and(|value| !value.is_empty())
}
