//! Drawings.

use dask_core::delayed::call;
use dask_core::visualize::{Color, DrawOptions, Drawing};
use dask_core::{Collection, Delayed, LayerGraph, delayed};

fn inc(x: i64) -> i64 {
    x + 1
}
fn add(x: i64, y: i64) -> i64 {
    x + y
}

fn tree() -> Delayed<i64> {
    let mut level: Vec<Delayed<i64>> = (0..8).map(|i| delayed!(inc(i))).collect();
    while level.len() > 1 {
        level = level.chunks(2).map(|pair| delayed!(add(&pair[0], &pair[1]))).collect();
    }
    level.remove(0).map(|x| x)
}

fn draw(of: &impl Collection, options: DrawOptions) -> Drawing {
    Drawing::new(&LayerGraph::new(&of.layers()).unwrap(), &of.keys(), options).unwrap()
}

#[test]
fn dot_has_every_task_and_every_edge() {
    let x = delayed!(inc(1)).named("a \"quoted\" name");
    let dot = draw(&delayed!(add(&x, &x)), DrawOptions::default()).to_dot();
    // inc, the name, add: the 1 is a part of its call; an argument that is used twice is one arrow.
    assert_eq!((dot.matches("[label=").count(), dot.matches(" -> ").count()), (3, 2), "{dot}");
    assert!(dot.contains(r#"label="a \"quoted\" name""#), "{dot}");
}

#[test]
fn optimized_drawings_have_fewer_tasks_and_layers_one_node_each() {
    let nodes = |options| draw(&tree(), options).to_dot().matches("[label=").count();
    assert_eq!(nodes(DrawOptions::default()), 8 + 7 + 1);
    assert_eq!(nodes(DrawOptions { layers: true, ..DrawOptions::default() }), 16);
    // The last call is one with the sum before it.
    assert_eq!(nodes(DrawOptions { optimized: true, ..DrawOptions::default() }), 8 + 7);
}

#[test]
fn colours_by_order_go_from_the_first_to_the_last() {
    let by_order = draw(&tree(), DrawOptions { color: Color::Order, ..DrawOptions::default() }).to_dot();
    assert!(by_order.contains("#8160b0") && by_order.contains("#f5e15a"), "{by_order}");
    assert!(by_order.lines().any(|line| line.contains("#f5e15a") && line.contains("penwidth=2")), "{by_order}");
}

#[test]
fn only_known_endings_are_written_and_nothing_is_left_behind() {
    let folder = tempfile::tempdir().unwrap();
    let error = tree().visualize(folder.path().join("x.png"), DrawOptions::default()).unwrap_err().to_string();
    assert!(error.contains("x.png: drawings are written as .dot or .svg"), "{error}");
    let nowhere = folder.path().join("none").join("x.dot");
    let error = tree().visualize(&nowhere, DrawOptions::default()).unwrap_err().to_string();
    assert!(error.contains("writing the drawing") && error.contains("x.dot"), "{error}");
    tree().visualize(folder.path().join("x.dot"), DrawOptions::default()).unwrap();
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn what_nobody_could_look_at_is_refused() {
    let parts: Vec<Delayed<i64>> = (0..5000).map(|i| delayed!(inc(i))).collect();
    let all = call(|of: Vec<i64>| of.len(), (parts,));
    let error = Drawing::new(&LayerGraph::new(&all.layers()).unwrap(), &all.keys(), DrawOptions::default());
    assert!(error.unwrap_err().to_string().starts_with("5002 nodes are too many to draw (at most 5000)"));
}

#[cfg(feature = "svg")]
#[test]
fn boxes_of_an_svg_do_not_overlap() {
    let drawing = draw(&tree(), DrawOptions { color: Color::Order, ..DrawOptions::default() });
    let svg = drawing.to_svg();
    let number = |line: &str, name: &str| -> f64 {
        line.split(&format!("{name}=\"")).nth(1).and_then(|rest| rest.split('"').next()).unwrap().parse().unwrap()
    };
    let boxes: Vec<(f64, f64, f64)> = svg
        .lines()
        .filter(|line| line.contains("<rect"))
        .map(|line| &line[line.find("<rect").unwrap()..])
        .map(|line| (number(line, " x"), number(line, " y"), number(line, " width")))
        .collect();
    assert_eq!((boxes.len(), svg.matches("marker-end").count()), (16, 14 + 1));
    for (i, a) in boxes.iter().enumerate() {
        for b in &boxes[i + 1..] {
            let apart = (a.1 - b.1).abs() > 32.0 || a.0 + a.2 < b.0 || b.0 + b.2 < a.0;
            assert!(apart, "{a:?} and {b:?}");
        }
    }
}

#[cfg(feature = "svg")]
#[test]
fn an_svg_shows_text_as_it_is_and_stands_alone() {
    let x = delayed!(inc(1)).named("a < b & \u{1}c");
    let svg = draw(&delayed!(add(&x, delayed!(inc(&x)))), DrawOptions::default()).to_svg();
    assert!(svg.contains(">a &lt; b &amp;  c</text>"), "{svg}");
    // A whole document, and each element that opens closes.
    assert!(svg.starts_with("<svg xmlns=") && svg.ends_with("</svg>\n"), "{svg}");
    for tag in ["g", "title", "text", "style", "defs", "marker"] {
        let (opened, closed) = (
            svg.matches(&format!("<{tag}>")).count() + svg.matches(&format!("<{tag} ")).count(),
            svg.matches(&format!("</{tag}>")).count(),
        );
        assert_eq!(opened, closed, "{tag}");
    }
}
