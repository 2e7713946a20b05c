//! One example for each table of the configuration, for the reference. A test loads every one of them.

/// The example of a table: `section` is a key of the top level, `kind` its `type`.
pub fn example(section: &str, kind: &str) -> &'static str {
    match (section, kind) {
        ("", _) => "data_dir = \"/var/lib/floodmark\"\npartitions = 4",
        ("log", "jetstream") => {
            "[log]\ntype = \"jetstream\"\nservers = [\"nats://nats.example.org:4222\"]\nreplicas = 3\nuser = \"floodmark\"\n\
             password = { env = \"NATS_PASSWORD\" }"
        }
        ("log", _) => "[log]\nretention_age = \"30d\"\nretention_size = \"50GiB\"",
        ("api", _) => "[api]\nlisten = \"127.0.0.1:9000\"",
        ("telemetry", _) => "[telemetry]\notlp_endpoint = \"http://127.0.0.1:4317\"\ntrace_ratio = 0.05",
        ("coverage", _) => "[coverage]\nevery = \"30s\"",
        ("connectivity", _) => "[connectivity]\ntargets = [\"1.1.1.1:443\", \"8.8.8.8:443\"]\nevery = \"15s\"",
        ("sources", "host") => "[sources.machine]\ntype = \"host\"\nevery = \"5s\"",
        ("sources", "http_probe") => {
            "[sources.website]\ntype = \"http_probe\"\nevery = \"30s\"\ntargets = [\n  \"https://example.org\",\n  \
             { url = \"https://example.com/api\", name = \"api\", bearer_token = { env = \"API_TOKEN\" }, body_contains = \"ok\" },\n]"
        }
        ("sources", "tcp_probe") => {
            "[sources.services]\ntype = \"tcp_probe\"\ntargets = [\n  \"db.example.org:5432\",\n  \
             { address = \"example.org:443\", tls = true },\n  { address = \"example.org:22\", expect = \"^SSH-2.0-\" },\n]"
        }
        ("sources", "github") => {
            "[sources.rust]\ntype = \"github\"\nrepos = [\"rust-lang/rust\"]\nreleases = true\ntoken = { env = \"GITHUB_TOKEN\" }"
        }
        ("sources", "open_meteo") => {
            "[sources.weather]\ntype = \"open_meteo\"\nplaces = [{ name = \"Berlin\", latitude = 52.52, longitude = 13.41 }]"
        }
        ("sources", "file") => {
            "[sources.history]\ntype = \"file\"\npath = \"temperatures.csv\"\ntime = \"date\"\ntime_format = \"%Y-%m-%d %H:%M\"\n\
             timezone = \"Europe/Berlin\"\nvalues = [{ column = \"temp\", metric = \"temperature\", unit = \"Cel\" }]\nencoding = \"arrow\""
        }
        ("sources", "push") => "[sources.inbox]\ntype = \"push\"\ntoken = { file = \"/run/secrets/push-token\" }",
        ("operators", "tumbling") => {
            "[operators.one_minute]\ntype = \"tumbling\"\nsize = \"1m\"\nmetrics = [\"cpu_*\", \"memory_*\"]\n\
             where = 'labels.host =~ \"^web-\" and value >= 0'\naggregates = [\"count\", \"mean\", \"max\"]\nquantiles = [0.5, 0.99]"
        }
        ("operators", "anomaly") => {
            "[operators.unusual]\ntype = \"anomaly\"\nmetrics = [\"load*\", \"duration_seconds\", \"requests_total\"]\nsensitivity = \"quiet\""
        }
        ("operators", "hopping") => {
            "[operators.last_hour]\ntype = \"hopping\"\nsize = \"1h\"\nslide = \"1m\"\nmetrics = [\"duration_seconds\"]\nquantiles = [0.95]"
        }
        ("operators", "session") => {
            "[operators.visits]\ntype = \"session\"\ngap = \"15m\"\nmetrics = [\"page_view\"]\ngroup_by = [\"user\"]\naggregates = [\"count\"]"
        }
        ("operators", "calendar") => {
            "[operators.daily]\ntype = \"calendar\"\nunit = \"day\"\ntimezone = \"Europe/Berlin\"\naggregates = [\"mean\", \"min\", \"max\"]"
        }
        ("alerts", "threshold") => {
            "[alerts.cpu_hot]\ntype = \"threshold\"\nmetrics = [\"cpu_usage\"]\nfor = \"5m\"\nkeep_firing_for = \"2m\"\n\
             levels = { warning = { above = 80, recover_at = 70 }, critical = { above = 95 } }\n\
             annotations = { summary = \"{{ labels.host }} is at {{ value | round(1) }} %\" }"
        }
        ("alerts", "change") => {
            "[alerts.disk_filling]\ntype = \"change\"\nmetrics = [\"disk_used_ratio\"]\nwithin = \"10m\"\ndirection = \"up\"\nabove = 0.1"
        }
        ("alerts", "state") => {
            "[alerts.down]\ntype = \"state\"\nfailures = 3\nsuccesses = 2\nseverity = \"critical\"\n\
             flapping = { changes = 6, within = \"1h\" }\nlabels = { team = \"web\" }"
        }
        ("alerts", "anomaly") => {
            "[operators.unusual]\ntype = \"anomaly\"\nmetrics = [\"duration_seconds\"]\n\n\
             [alerts.slow]\ntype = \"anomaly\"\nfrom = \"unusual\"\nseverity = \"info\""
        }
        ("alerts", "absence") => "[alerts.silent]\ntype = \"absence\"\nno_data_for = \"5m\"\nseverity = \"error\"",
        ("alerts", "coverage") => {
            "[sources.website]\ntype = \"http_probe\"\ntargets = [\"https://example.org\"]\n\n\
             [alerts.uncovered]\ntype = \"coverage\"\nsources = [\"website\"]\nbelow = 0.9\nof = { n = 3, m = 5 }\nseverity = \"error\""
        }
        ("alerts", "certificate") => {
            "[alerts.certificates]\ntype = \"certificate\"\nlevels = { warning = { below = 21 }, critical = { below = 5 } }"
        }
        ("alerts", "match") => {
            "[alerts.major_release]\ntype = \"match\"\nmetrics = [\"github.release\"]\nfield = \"fact.tag\"\npattern = '^v?\\d+\\.0\\.0$'\n\
             severity = \"info\"\nkeep_firing_for = \"1d\"\nannotations = { summary = \"{{ labels.subject }} has released {{ text }}\" }"
        }
        ("alerts", "condition") => {
            "[operators.minutes]\ntype = \"tumbling\"\nsize = \"1m\"\nmetrics = [\"duration_seconds\"]\nquantiles = [0.99]\n\n\
             [alerts.tail_latency]\ntype = \"condition\"\nfrom = \"minutes\"\nwhen = \"p99 > 2 and count >= 10\"\nuntil = \"p99 < 1\"\n\
             of = { n = 3, m = 5 }"
        }
        ("sinks", "mongodb") => {
            "[sinks.rollups]\ntype = \"mongodb\"\nuri = \"mongodb://db.example.org:27017\"\nuser = \"floodmark\"\n\
             password = { file = \"/run/secrets/mongodb-password\" }\nttl = \"365d\""
        }
        ("sinks", "postgres") => {
            "[sinks.raw]\ntype = \"postgres\"\nhost = \"db.example.org\"\npassword = { file = \"/run/secrets/postgres-password\" }\n\
             retention = \"90d\""
        }
        ("tests", "") => {
            "[sources.inbox]\ntype = \"push\"\n\n[operators.minute]\ntype = \"tumbling\"\nsize = \"1m\"\n\n[[tests]]\n\
             name = \"a minute is the mean of its samples\"\n\
             input = [{ at = \"0s..1m every 10s\", source = \"inbox\", metric = \"latency\", value = [3, 5] }]\n\
             advance = \"1m\"\nexpect = [{ window = \"0s..1m\", count = 6, mean = 4 }]"
        }
        ("receivers", "email") => {
            "[receivers.team_mail]\ntype = \"email\"\nhost = \"mail.example.org\"\nuser = \"floodmark\"\n\
             password = { file = \"/run/secrets/mail-password\" }\nfrom = \"Floodmark <floodmark@example.org>\"\n\
             to = [\"team@example.org\"]\ntimezone = \"Europe/Berlin\""
        }
        ("receivers", "webhook") => {
            "[receivers.hook]\ntype = \"webhook\"\nurl = \"https://hooks.example.org/floodmark\"\nsecret = { env = \"HOOK_SECRET\" }"
        }
        ("receivers", "slack") => "[receivers.chat]\ntype = \"slack\"\nurl = { file = \"/run/secrets/slack-webhook-url\" }",
        ("receivers", "pagerduty") => "[receivers.on_call]\ntype = \"pagerduty\"\nrouting_key = { env = \"PAGERDUTY_KEY\" }",
        ("receivers", "alertmanager") => {
            "[receivers.prometheus]\ntype = \"alertmanager\"\nurl = \"http://alertmanager.example.org:9093\"\nresolve_after = \"12h\""
        }
        ("receivers", "command") => {
            "[receivers.pager]\ntype = \"command\"\nargv = [\"/usr/local/bin/page\", \"--team\", \"web\"]\ntimeout = \"10s\""
        }
        ("receivers", "nats") => "[receivers.bus]\ntype = \"nats\"\nservers = [\"nats://nats.example.org:4222\"]\nstream = \"required\"",
        ("route", _) => {
            "[receivers.team]\ntype = \"email\"\nhost = \"mail.example.org\"\nfrom = \"floodmark@example.org\"\nto = [\"team@example.org\"]\n\n\
             [receivers.on_call]\ntype = \"pagerduty\"\nrouting_key = { env = \"PAGERDUTY_KEY\" }\n\n\
             [route]\nreceivers = [\"team\"]\ngroup_by = [\"source\", \"host\"]\n\n\
             [[route.routes]]\nid = \"database\"\nmatch = [\"team=db\", \"severity>=error\"]\nreceivers = [\"on_call\"]\n\
             escalation = [{ after = \"30m\", receiver = \"team\" }]"
        }
        ("incidents", _) => "[incidents]\nretention = \"365d\"\ngive_up = \"6h\"",
        ("inhibitions", _) => {
            "[inhibitions.only_the_gravest]\nsource = [\"severity=critical\"]\ntarget = [\"severity=warning\"]\nequal = [\"rule\", \"host\"]"
        }
        ("maintenance", _) => {
            "[maintenance.backup]\nmatch = [\"team=db\"]\nbegins = \"0 2 * * sun\"\nlasts = \"2h\"\nzone = \"Europe/Berlin\""
        }
        ("sinks", "embedded") => "[sinks.store]\ntype = \"embedded\"",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::kinds::{AlertKind, Kind, LogKind, OperatorKind, ReceiverKind, SinkKind, SourceKind};

    #[test]
    fn every_kind_has_an_example_that_loads() {
        let kinds = |section, types: &'static [&'static str]| types.iter().map(move |kind| (section, *kind));
        let all = ["", "api", "telemetry", "coverage", "connectivity", "tests", "route", "incidents", "inhibitions", "maintenance"]
            .map(|section| (section, ""))
            .into_iter()
            .chain(kinds("log", LogKind::TYPES));
        let components = kinds("sources", SourceKind::TYPES).chain(kinds("operators", OperatorKind::TYPES));
        let components = components.chain(kinds("alerts", AlertKind::TYPES));
        for (section, kind) in all.chain(components).chain(kinds("sinks", SinkKind::TYPES)).chain(kinds("receivers", ReceiverKind::TYPES)) {
            let text = example(section, kind);
            assert!(!text.is_empty(), "{section} {kind} has no example");
            if let Err(report) = crate::config::from_text("example", text) {
                panic!("{section} {kind}: {report}");
            }
        }
    }
}
