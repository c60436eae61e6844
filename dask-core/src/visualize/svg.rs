//! Drawings as SVG: rounded boxes and arrows, neutral on light and dark.

use std::fmt::Write;

use super::Drawing;
use super::place::{RANK_HEIGHT, place};

const NODE_HEIGHT: f64 = 32.0;
const MARGIN: f64 = 16.0;
/// Room for the head of an arrow.
const HEAD: f64 = 7.0;
/// Of a 13 pixel font.
const CHAR_WIDTH: f64 = 7.4;
const LABEL_MAX: usize = 32;

const STYLE: &str = "\
text{font:13px ui-sans-serif,system-ui,Helvetica,Arial,sans-serif;text-anchor:middle;fill:#20242b}\
rect{fill:#f4f5f7;stroke:#8a8f98;stroke-width:1.2}\
rect.output{stroke:#20242b;stroke-width:2.4}\
path{fill:none;stroke:#8a8f98;stroke-width:1.3}\
marker path{fill:#8a8f98;stroke:none}\
@media(prefers-color-scheme:dark){rect.output{stroke:#e8eaee}}";

pub(super) fn svg(drawing: &Drawing) -> String {
    let labels: Vec<String> = drawing.nodes.iter().map(|node| shortened(&node.label)).collect();
    let widths: Vec<f64> = labels.iter().map(|label| label.chars().count() as f64 * CHAR_WIDTH + 24.0).collect();
    let placed = place(&widths, &drawing.edges);
    let width = placed.width + 2.0 * MARGIN;
    let height = placed.n_ranks.saturating_sub(1) as f64 * RANK_HEIGHT + NODE_HEIGHT + 2.0 * MARGIN;
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width:.0}\" height=\"{height:.0}\" viewBox=\"0 0 {width:.1} {height:.1}\">\n<style>{STYLE}</style>\n<defs><marker id=\"head\" viewBox=\"0 0 8 8\" refX=\"1\" refY=\"4\" markerWidth=\"{HEAD}\" markerHeight=\"{HEAD}\" markerUnits=\"userSpaceOnUse\" orient=\"auto\"><path d=\"M0 0L8 4L0 8z\"/></marker></defs>\n"
    );
    let middle = |(x, y): (f64, f64)| (x + MARGIN, y + MARGIN + NODE_HEIGHT / 2.0);
    // Writing to a string cannot fail.
    for points in &placed.edges {
        let _ = writeln!(
            text,
            "<path d=\"{}\" marker-end=\"url(#head)\"/>",
            curve(points.iter().map(|&p| middle(p)).collect())
        );
    }
    for (i, node) in drawing.nodes.iter().enumerate() {
        let (x, y) = middle(placed.nodes[i]);
        let (left, top, w) = (x - widths[i] / 2.0, y - NODE_HEIGHT / 2.0, widths[i]);
        let class = if node.is_output { " class=\"output\"" } else { "" };
        let fill = node.fill.as_ref().map_or(String::new(), |fill| format!(" style=\"fill:{fill}\""));
        let _ = writeln!(
            text,
            "<g><title>{}</title><rect x=\"{left:.1}\" y=\"{top:.1}\" width=\"{w:.1}\" height=\"{NODE_HEIGHT}\" rx=\"9\"{class}{fill}/><text x=\"{x:.1}\" y=\"{:.1}\">{}</text></g>",
            escaped(&node.title),
            y + 4.5,
            escaped(&labels[i]),
        );
    }
    text.push_str("</svg>\n");
    text
}

/// From the top of the first node to the bottom of the last, vertical at every point it goes through.
fn curve(mut points: Vec<(f64, f64)>) -> String {
    let last = points.len() - 1;
    points[0].1 -= NODE_HEIGHT / 2.0;
    points[last].1 += NODE_HEIGHT / 2.0 + HEAD;
    let mut path = format!("M{:.1} {:.1}", points[0].0, points[0].1);
    for pair in points.windows(2) {
        let ((x0, y0), (x1, y1)) = (pair[0], pair[1]);
        let half = f64::midpoint(y0, y1);
        let _ = write!(path, "C{x0:.1} {half:.1} {x1:.1} {half:.1} {x1:.1} {y1:.1}");
    }
    path
}

fn shortened(label: &str) -> String {
    if label.chars().count() <= LABEL_MAX {
        return label.to_owned();
    }
    label.chars().take(LABEL_MAX - 1).chain(['…']).collect()
}

fn escaped(text: &str) -> String {
    // Control characters are not allowed in XML, not even escaped.
    let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
