//! A graph as petgraph sees it (feature `petgraph`): edges lead from a task to its dependents, and nothing is copied.

use petgraph::visit::{
    GraphBase, GraphProp, IntoNeighbors, IntoNeighborsDirected, IntoNodeIdentifiers, NodeCompactIndexable, NodeCount,
    NodeIndexable, VisitMap, Visitable,
};
use petgraph::{Directed, Direction};

use super::{Graph, TaskId};

impl GraphBase for Graph {
    type EdgeId = (TaskId, TaskId);
    type NodeId = TaskId;
}

impl GraphProp for Graph {
    type EdgeType = Directed;
}

impl NodeCount for Graph {
    fn node_count(&self) -> usize {
        self.n_tasks()
    }
}

impl NodeIndexable for Graph {
    fn node_bound(&self) -> usize {
        self.n_tasks()
    }
    fn to_index(&self, task: TaskId) -> usize {
        task.idx()
    }
    fn from_index(&self, i: usize) -> TaskId {
        TaskId(i as u32)
    }
}

impl NodeCompactIndexable for Graph {}

/// Which tasks were visited.
#[derive(Debug, Clone)]
pub struct Visited(Vec<bool>);

impl VisitMap<TaskId> for Visited {
    fn visit(&mut self, task: TaskId) -> bool {
        !std::mem::replace(&mut self.0[task.idx()], true)
    }
    fn is_visited(&self, task: &TaskId) -> bool {
        self.0.get(task.idx()).copied().unwrap_or(false)
    }
    fn unvisit(&mut self, task: TaskId) -> bool {
        std::mem::replace(&mut self.0[task.idx()], false)
    }
}

impl Visitable for Graph {
    type Map = Visited;

    fn visit_map(&self) -> Visited {
        Visited(vec![false; self.n_tasks()])
    }
    fn reset_map(&self, map: &mut Visited) {
        map.0.clear();
        map.0.resize(self.n_tasks(), false);
    }
}

impl IntoNodeIdentifiers for &Graph {
    type NodeIdentifiers = Tasks;

    fn node_identifiers(self) -> Tasks {
        Tasks(0..self.n_tasks() as u32)
    }
}

/// All tasks.
#[derive(Debug, Clone)]
pub struct Tasks(std::ops::Range<u32>);

impl Iterator for Tasks {
    type Item = TaskId;

    fn next(&mut self) -> Option<TaskId> {
        self.0.next().map(TaskId)
    }
}

/// The tasks at the other ends of the edges of one.
#[derive(Debug, Clone)]
pub struct Neighbors<'a>(std::slice::Iter<'a, u32>);

impl Iterator for Neighbors<'_> {
    type Item = TaskId;

    fn next(&mut self) -> Option<TaskId> {
        self.0.next().copied().map(TaskId)
    }
}

impl<'a> IntoNeighbors for &'a Graph {
    type Neighbors = Neighbors<'a>;

    fn neighbors(self, task: TaskId) -> Neighbors<'a> {
        Neighbors(self.dependents().of(task.0).iter())
    }
}

impl<'a> IntoNeighborsDirected for &'a Graph {
    type NeighborsDirected = Neighbors<'a>;

    fn neighbors_directed(self, task: TaskId, direction: Direction) -> Neighbors<'a> {
        match direction {
            Direction::Outgoing => self.neighbors(task),
            Direction::Incoming => Neighbors(self.dependencies().of(task.0).iter()),
        }
    }
}
