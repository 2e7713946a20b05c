//! A topology as text, for Graphviz, and for Markdown pages.

use super::told::Receiver;
use super::topology::{Operator, Reads, Sink, Topology};

/// Lists of what there is, in the order in which events go.
pub(super) fn text(topology: &Topology) -> String {
    let Topology { log, sources, operators, sinks, told } = topology;
    let mut out = format!("sources -> event log ({log})\n");
    table(&mut out, sources.iter().map(|(id, kind)| vec![id.clone(), kind.clone()]).collect());
    out.push_str("\nevent log -> operators -> output log\n");
    let row = |operator: &Operator| {
        let from = operator.from.iter().map(|from| format!("from {from}"));
        let takes = from.chain(operator.takes.iter().cloned()).collect::<Vec<_>>().join("; ");
        vec![format!("{}{}", "  ".repeat(operator.depth), operator.id), operator.kind.clone(), takes]
    };
    table(&mut out, operators.iter().map(row).collect());
    out.push_str("\nlogs -> sinks\n");
    let row = |sink: &Sink| vec![sink.id.clone(), sink.kind.to_owned(), format!("{} of the {}", sink.what, log_name(sink.reads))];
    table(&mut out, sinks.iter().map(row).collect());
    if let Some(told) = told {
        out.push_str(&format!("\nalerts of the output log -> incidents ({}) -> receivers\n", told.kept()));
        let row = |receiver: &Receiver| vec![receiver.id.clone(), receiver.kind.to_owned(), format!("by {}", receiver.by)];
        table(&mut out, told.receivers.iter().map(row).collect());
    }
    out
}

fn log_name(reads: Reads) -> &'static str {
    match reads {
        Reads::Events => "event log",
        Reads::Outputs => "output log",
    }
}

fn table(out: &mut String, rows: Vec<Vec<String>>) {
    if rows.is_empty() {
        out.push_str("  (none)\n");
    }
    let width = |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0);
    for row in &rows {
        let cells = row.iter().enumerate().map(|(i, cell)| format!("  {cell:width$}", width = width(i)));
        out.push_str(cells.collect::<String>().trim_end());
        out.push('\n');
    }
}

/// A node of a drawing: its name in the drawing, what is written in it, and whether it is a log.
struct Node {
    name: String,
    lines: Vec<String>,
    shape: Shape,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Shape {
    Box,
    Log,
}

/// An arrow from one node to another, with what is written on it.
struct Arrow {
    from: String,
    to: String,
    text: String,
}

const EVENTS: &str = "events";
const OUTPUTS: &str = "outputs";
const INCIDENTS: &str = "incidents";

/// Nodes are numbered: ids may hold what a drawing's language does not take in names.
fn drawing(topology: &Topology) -> (Vec<Node>, Vec<Arrow>) {
    let node = |name: String, lines: &[&str], shape| Node { name, lines: lines.iter().map(|line| (*line).to_owned()).collect(), shape };
    let arrow = |from: &str, to: &str, text: &str| Arrow { from: from.to_owned(), to: to.to_owned(), text: text.to_owned() };
    let (mut nodes, mut arrows) = (Vec::new(), Vec::new());
    nodes.push(node(EVENTS.to_owned(), &["event log", &topology.log], Shape::Log));
    nodes.push(node(OUTPUTS.to_owned(), &["output log"], Shape::Log));
    for (i, (id, kind)) in topology.sources.iter().enumerate() {
        let name = format!("source{i}");
        arrows.push(arrow(&name, EVENTS, ""));
        nodes.push(node(name, &[id, kind], Shape::Box));
    }
    let name_of = |id: &str| topology.operators.iter().position(|operator| operator.id == id).map(|i| format!("operator{i}"));
    for (i, operator) in topology.operators.iter().enumerate() {
        let name = format!("operator{i}");
        let from = operator.from.as_deref().and_then(name_of).unwrap_or_else(|| EVENTS.to_owned());
        arrows.push(arrow(&from, &name, &operator.takes.join("; ")));
        arrows.push(arrow(&name, OUTPUTS, ""));
        nodes.push(node(name, &[&operator.id, &operator.kind], Shape::Box));
    }
    let mut named: Vec<&str> = Vec::new();
    for Sink { id, kind, reads, what } in &topology.sinks {
        let known = named.iter().position(|known| known == id);
        let name = format!("sink{}", known.unwrap_or(named.len()));
        if known.is_none() {
            named.push(id);
            nodes.push(node(name.clone(), &[id, kind], Shape::Box));
        }
        arrows.push(arrow(if *reads == Reads::Events { EVENTS } else { OUTPUTS }, &name, what));
    }
    if let Some(told) = &topology.told {
        nodes.push(node(INCIDENTS.to_owned(), &["incidents", &told.kept()], Shape::Log));
        arrows.push(arrow(OUTPUTS, INCIDENTS, "alerts"));
        for (i, Receiver { id, kind, by }) in told.receivers.iter().enumerate() {
            let name = format!("receiver{i}");
            arrows.push(arrow(INCIDENTS, &name, by));
            nodes.push(node(name, &[id, kind], Shape::Box));
        }
    }
    (nodes, arrows)
}

/// For Graphviz: <https://graphviz.org/doc/info/lang.html>.
pub(super) fn dot(topology: &Topology) -> String {
    let (nodes, arrows) = drawing(topology);
    let quoted = |text: &str| text.replace('\\', "\\\\").replace('"', "\\\"");
    let mut out = "digraph floodmark {\n  rankdir=LR;\n  node [shape=box];\n".to_owned();
    for Node { name, lines, shape } in &nodes {
        let label = lines.iter().map(|line| quoted(line)).collect::<Vec<_>>().join("\\n");
        let shape = if *shape == Shape::Log { ", shape=cylinder" } else { "" };
        out.push_str(&format!("  {name} [label=\"{label}\"{shape}];\n"));
    }
    for Arrow { from, to, text } in &arrows {
        let label = if text.is_empty() { String::new() } else { format!(" [label=\"{}\"]", quoted(text)) };
        out.push_str(&format!("  {from} -> {to}{label};\n"));
    }
    out.push_str("}\n");
    out
}

/// For Markdown pages: <https://mermaid.js.org/syntax/flowchart.html>.
pub(super) fn mermaid(topology: &Topology) -> String {
    let (nodes, arrows) = drawing(topology);
    let quoted = |text: &str| text.replace('"', "#quot;");
    let mut out = "flowchart LR\n".to_owned();
    for Node { name, lines, shape } in &nodes {
        let label = lines.iter().map(|line| quoted(line)).collect::<Vec<_>>().join("<br>");
        let (open, close) = if *shape == Shape::Log { ("[(", ")]") } else { ("[", "]") };
        out.push_str(&format!("  {name}{open}\"{label}\"{close}\n"));
    }
    for Arrow { from, to, text } in &arrows {
        let label = if text.is_empty() { String::new() } else { format!("|\"{}\"|", quoted(text)) };
        out.push_str(&format!("  {from} -->{label} {to}\n"));
    }
    out
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::topology::{operator, ordered};
    use super::*;
    use crate::config::from_text;

    fn small() -> Topology {
        let text = "partitions = 2\n[sources.web]\ntype = \"tcp_probe\"\ntargets = [\"a:1\"]\n[operators.minute]\ntype = \"tumbling\"\n\
                    size = \"1m\"\nsources = [\"web\"]\n";
        Topology::of(&from_text("test", text).unwrap())
    }

    #[test]
    fn the_text_lists_everything_on_the_way_of_events() {
        let operators = vec![
            operator("hours", &json!({ "type": "tumbling", "size": "1h", "from": "minute", "group_by": ["host"] })),
            operator("minute", &json!({ "type": "tumbling", "size": "1m", "metrics": ["cpu_*", "load"] })),
            operator("scores", &json!({ "type": "anomaly", "from": "hours" })),
            operator("total", &json!({ "type": "hopping", "size": "1h", "slide": "1m", "group_by": [] })),
        ];
        let topology = Topology { operators: ordered(operators), ..small() };
        let expected = "\
sources -> event log (embedded, 2 partitions)
  web  tcp_probe

event log -> operators -> output log
  minute      tumbling 1m    metrics cpu_*, load
    hours     tumbling 1h    from minute; by host
      scores  anomaly        from hours
  total       hopping 1h 1m  all as one

logs -> sinks
  embedded  embedded  results of the output log
  embedded  embedded  series of the event log
  embedded  embedded  dead letters of the output log
";
        assert_eq!(text(&topology), expected);
    }

    #[test]
    fn who_is_told_of_alerts_stands_at_the_end() {
        let text_of = "[sources.web]\ntype = \"push\"\n[alerts.down]\ntype = \"state\"\n\
                       [receivers.chat]\ntype = \"slack\"\nurl = { env = \"X\" }\n\
                       [receivers.on_call]\ntype = \"pagerduty\"\nrouting_key = { env = \"X\" }\n\
                       [route]\nreceivers = [\"chat\"]\n\
                       [[route.routes]]\nid = \"grave\"\nmatch = [\"severity>=error\"]\nescalation = [{ after = \"1h\", receiver = \"on_call\" }]\n\
                       [[route.routes.routes]]\nid = \"db\"\nreceivers = [\"on_call\"]\n";
        let topology = Topology::of(&from_text("test", text_of).unwrap());
        let expected = "
alerts of the output log -> incidents (embedded) -> receivers
  chat     slack      by route, route/grave
  on_call  pagerduty  by route/grave/db; later route/grave, route/grave/db
";
        assert!(text(&topology).ends_with(expected), "{}", text(&topology));
        let drawn = mermaid(&topology);
        for line in
            ["outputs -->|\"alerts\"| incidents", "incidents -->|\"route, route/grave\"| receiver0", "receiver1[\"on_call<br>pagerduty\"]"]
        {
            assert!(drawn.contains(line), "{drawn}");
        }
    }

    #[test]
    fn dot_has_a_node_for_each_part_and_an_arrow_for_each_way() {
        let expected = r#"digraph floodmark {
  rankdir=LR;
  node [shape=box];
  events [label="event log\nembedded, 2 partitions", shape=cylinder];
  outputs [label="output log", shape=cylinder];
  source0 [label="web\ntcp_probe"];
  operator0 [label="minute\ntumbling 1m"];
  sink0 [label="embedded\nembedded"];
  source0 -> events;
  events -> operator0 [label="sources web"];
  operator0 -> outputs;
  outputs -> sink0 [label="results"];
  events -> sink0 [label="series"];
  outputs -> sink0 [label="dead letters"];
}
"#;
        assert_eq!(dot(&small()), expected);
    }

    #[test]
    fn mermaid_draws_the_same() {
        let expected = r#"flowchart LR
  events[("event log<br>embedded, 2 partitions")]
  outputs[("output log")]
  source0["web<br>tcp_probe"]
  operator0["minute<br>tumbling 1m"]
  sink0["embedded<br>embedded"]
  source0 --> events
  events -->|"sources web"| operator0
  operator0 --> outputs
  outputs -->|"results"| sink0
  events -->|"series"| sink0
  outputs -->|"dead letters"| sink0
"#;
        assert_eq!(mermaid(&small()), expected);
    }
}
