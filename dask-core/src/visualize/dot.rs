//! Drawings as text for Graphviz.

use std::fmt::Write;

use super::Drawing;

pub(super) fn dot(drawing: &Drawing) -> String {
    let mut text = String::from(
        "digraph {\n  rankdir=BT;\n  node [shape=box, style=\"rounded,filled\", fillcolor=\"#f4f4f6\", color=\"#8a8f98\", fontname=\"Helvetica\"];\n  edge [color=\"#8a8f98\"];\n",
    );
    for (at, node) in drawing.nodes.iter().enumerate() {
        let fill = node.fill.as_ref().map_or(String::new(), |fill| format!(", fillcolor=\"{fill}\""));
        let output = if node.is_output { ", penwidth=2" } else { "" };
        // Writing to a string cannot fail.
        let _ =
            writeln!(text, "  n{at} [label={}, tooltip={}{fill}{output}];", quoted(&node.label), quoted(&node.title));
    }
    for (from, to) in &drawing.edges {
        let _ = writeln!(text, "  n{from} -> n{to};");
    }
    text.push_str("}\n");
    text
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n"))
}
