//! Drawings of graphs, as DOT text or as SVG, without Graphviz.

mod dot;
#[cfg(feature = "svg")]
mod place;
#[cfg(feature = "svg")]
mod svg;

use std::path::Path;
use std::sync::Arc;

use crate::error::{Error, Result};
use crate::key::Key;
use crate::layer::LayerGraph;
use crate::materialize::Plan;

/// Larger drawings help nobody.
const NODES_MAX: usize = 5000;

/// What colours mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Color {
    /// Nothing: all nodes look alike.
    #[default]
    Plain,
    /// When a task runs, from first (violet) to last (yellow).
    Order,
    /// The layer it belongs to.
    Layer,
}

/// How a graph is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DrawOptions {
    /// Draw what will run, after optimization.
    pub optimized: bool,
    /// Draw one node a layer, not one a task.
    pub layers: bool,
    /// What colours mean.
    pub color: Color,
}

/// A graph that can be drawn.
///
/// ```
/// use dask_core::visualize::{Drawing, DrawOptions};
/// use dask_core::{Collection, Delayed, LayerGraph, delayed};
/// fn inc(x: i64) -> i64 { x + 1 }
/// let y = delayed!(inc(Delayed::value(1)));
/// let drawing = Drawing::new(&LayerGraph::new(&y.layers())?, &y.keys(), DrawOptions::default())?;
/// assert!(drawing.to_dot().contains("label=\"inc\""));
/// # Ok::<(), dask_core::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Drawing {
    nodes: Vec<Node>,
    /// From what is needed to who needs it.
    edges: Vec<(u32, u32)>,
}

#[derive(Debug, Clone)]
struct Node {
    label: String,
    /// The whole key or name.
    title: String,
    /// Background, as a colour of SVG and DOT.
    fill: Option<String>,
    is_output: bool,
}

/// A graph that could not be drawn.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DrawError {
    /// The end of the path says no known format.
    #[error("{path}: drawings are written as .dot or .svg; give a path that ends so")]
    UnknownFormat {
        /// The path that was given.
        path: String,
    },
    /// SVG was not compiled in.
    #[error("{path}: SVG needs the feature `svg` of dask-core; add it, or write a .dot file")]
    SvgNotBuilt {
        /// The path that was given.
        path: String,
    },
    /// More nodes than a person can look at.
    #[error("{n_nodes} nodes are too many to draw (at most {max}); draw layers, or a smaller collection")]
    TooMany {
        /// How many there are.
        n_nodes: usize,
        /// How many can be drawn.
        max: usize,
    },
}

impl Drawing {
    /// What `outputs` need of `graph`.
    ///
    /// # Errors
    /// [`DrawError::TooMany`] beyond 5000 nodes; an unknown key; a cycle.
    pub fn new(graph: &LayerGraph, outputs: &[Key], options: DrawOptions) -> Result<Self> {
        let optimized;
        let graph = if options.optimized {
            optimized = crate::optimize::optimize(graph, outputs);
            &optimized
        } else {
            graph
        };
        if options.layers { Self::of_layers(graph, outputs, options) } else { Self::of_tasks(graph, outputs, options) }
    }

    fn of_layers(graph: &LayerGraph, outputs: &[Key], options: DrawOptions) -> Result<Self> {
        let graph = crate::optimize::cull(graph, outputs);
        check_size(graph.layers().len())?;
        let n = graph.layers().len();
        let mut drawing = Self { nodes: Vec::new(), edges: Vec::new() };
        for (at, entry) in graph.layers().iter().enumerate() {
            let name = entry.layer.name();
            let shape: Vec<String> = entry.layer.shape().iter().map(ToString::to_string).collect();
            let grid = if shape.is_empty() { String::new() } else { format!(" [{}]", shape.join(" × ")) };
            drawing.nodes.push(Node {
                label: format!("{}{grid}", name.what()),
                title: name.to_string(),
                fill: fill(options.color, at, n, name.what()),
                is_output: outputs.iter().any(|key| key.name() == name),
            });
            drawing.edges.extend(entry.inputs.iter().map(|&input| (input, at as u32)));
        }
        Ok(drawing.without_doubles())
    }

    fn of_tasks(graph: &LayerGraph, outputs: &[Key], options: DrawOptions) -> Result<Self> {
        // Counted after culling: what is not wanted is not drawn either.
        let Plan { graph, outputs, priority } = Plan::new(graph, outputs)?;
        check_size(graph.n_tasks())?;
        let mut drawing = Self { nodes: Vec::new(), edges: Vec::new() };
        for task in graph.tasks() {
            let key = graph.key(task);
            let index: Vec<String> = key.index().iter().map(ToString::to_string).collect();
            let position = if index.is_empty() { String::new() } else { format!(" ({})", index.join(", ")) };
            drawing.nodes.push(Node {
                label: format!("{}{position}", key.name().what()),
                title: key.to_string(),
                fill: fill(options.color, priority[task.idx()] as usize, graph.n_tasks(), key.name().what()),
                is_output: outputs.contains(&task),
            });
            drawing.edges.extend(graph.dependencies().of(task.0).iter().map(|&from| (from, task.0)));
        }
        Ok(drawing.without_doubles())
    }

    /// An argument that is used twice is one arrow.
    fn without_doubles(mut self) -> Self {
        self.edges.sort_unstable();
        self.edges.dedup();
        self
    }

    /// As text for Graphviz.
    pub fn to_dot(&self) -> String {
        dot::dot(self)
    }

    /// As a picture that browsers show; it follows their light or dark scheme.
    #[cfg(feature = "svg")]
    pub fn to_svg(&self) -> String {
        svg::svg(self)
    }

    /// Writes it to a `.dot` or `.svg` file; a file that is there is replaced once the new one is whole.
    ///
    /// # Errors
    /// [`DrawError::UnknownFormat`], [`DrawError::SvgNotBuilt`], or what the system said.
    pub fn write(&self, path: impl AsRef<Path>) -> Result<()> {
        let path = path.as_ref();
        let shown = || path.display().to_string();
        let text = match path.extension().and_then(|extension| extension.to_str()) {
            Some("dot" | "gv") => self.to_dot(),
            #[cfg(feature = "svg")]
            Some("svg") => self.to_svg(),
            #[cfg(not(feature = "svg"))]
            Some("svg") => return Err(Error::other(DrawError::SvgNotBuilt { path: shown() })),
            _ => return Err(Error::other(DrawError::UnknownFormat { path: shown() })),
        };
        let mut name = path.file_name().unwrap_or_default().to_owned();
        name.push(format!(".{}.part", std::process::id()));
        let part = path.with_file_name(name);
        let written = std::fs::write(&part, text).and_then(|()| std::fs::rename(&part, path));
        written.map_err(|source| {
            // Nothing to add if this fails too: the first failure is the one to tell.
            let _ = std::fs::remove_file(&part);
            Error::Io { what: format!("writing the drawing {}", path.display()), source: Arc::new(source) }
        })
    }
}

fn check_size(n_nodes: usize) -> Result<()> {
    if n_nodes <= NODES_MAX { Ok(()) } else { Err(Error::other(DrawError::TooMany { n_nodes, max: NODES_MAX })) }
}

/// Five stops from violet to yellow, of even steps in lightness.
const SCALE: [[f64; 3]; 5] =
    [[129., 96., 176.], [96., 133., 190.], [78., 172., 172.], [134., 203., 124.], [245., 225., 90.]];

fn fill(color: Color, position: usize, n: usize, what: &str) -> Option<String> {
    match color {
        Color::Plain => None,
        Color::Order => {
            let at = position as f64 / (n.max(2) - 1) as f64 * (SCALE.len() - 1) as f64;
            let low = (at as usize).min(SCALE.len() - 2);
            let mixed = |c: usize| SCALE[low][c] + (SCALE[low + 1][c] - SCALE[low][c]) * (at - low as f64);
            Some(format!("#{:02x}{:02x}{:02x}", mixed(0) as u8, mixed(1) as u8, mixed(2) as u8))
        }
        Color::Layer => {
            const PALETTE: [&str; 10] = [
                "#8ecae6", "#ffb703", "#90be6d", "#f4978e", "#cdb4db", "#f8e16c", "#80ced7", "#e5989b", "#b5c99a",
                "#bcb8e6",
            ];
            // By name, so that one operation has one colour in every drawing.
            let hash = what.bytes().fold(5381usize, |hash, byte| hash.wrapping_mul(33) ^ usize::from(byte));
            Some(PALETTE[hash % PALETTE.len()].to_owned())
        }
    }
}
