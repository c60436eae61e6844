//! Edges in compressed sparse rows: two flat arrays however many tasks there are.

/// Borrowed edges: those of task `t` are `edges[starts[t]..starts[t + 1]]`.
#[derive(Debug, Clone, Copy)]
pub struct Csr<'a> {
    /// Where each task's edges start; one entry more than there are tasks.
    pub starts: &'a [u32],
    /// The other ends, task by task.
    pub edges: &'a [u32],
}

impl<'a> Csr<'a> {
    /// The edges of task `t`.
    #[inline]
    pub fn of(&self, t: u32) -> &'a [u32] {
        &self.edges[self.starts[t as usize] as usize..self.starts[t as usize + 1] as usize]
    }

    /// How many tasks there are.
    #[inline]
    pub fn n_tasks(&self) -> usize {
        self.starts.len().saturating_sub(1)
    }

    /// The same edges seen from their other ends, each list in ascending order. One counting sort.
    pub fn transposed(&self) -> CsrBuf {
        let n = self.n_tasks();
        let mut starts = vec![0u32; n + 1];
        for &edge in self.edges {
            starts[edge as usize + 1] += 1;
        }
        for t in 0..n {
            starts[t + 1] += starts[t];
        }
        let mut next = starts.clone();
        let mut edges = vec![0u32; self.edges.len()];
        for t in 0..n {
            for &edge in self.of(t as u32) {
                let slot = &mut next[edge as usize];
                edges[*slot as usize] = t as u32;
                *slot += 1;
            }
        }
        CsrBuf { starts, edges }
    }
}

/// Owned edges, built task by task.
#[derive(Debug, Clone)]
pub struct CsrBuf {
    starts: Vec<u32>,
    edges: Vec<u32>,
}

impl Default for CsrBuf {
    fn default() -> Self {
        Self { starts: vec![0], edges: Vec::new() }
    }
}

impl CsrBuf {
    /// Room for `n_tasks` tasks with `n_edges` edges.
    pub fn with_capacity(n_tasks: usize, n_edges: usize) -> Self {
        let mut starts = Vec::with_capacity(n_tasks + 1);
        starts.push(0);
        Self { starts, edges: Vec::with_capacity(n_edges) }
    }

    /// From both arrays; `starts` ascends from 0 to the number of edges.
    pub(crate) fn from_parts(starts: Vec<u32>, edges: Vec<u32>) -> Self {
        debug_assert!(starts.is_sorted() && starts.last().is_some_and(|&end| end as usize == edges.len()));
        Self { starts, edges }
    }

    /// One list of edges a task.
    pub fn from_lists<L: AsRef<[u32]>>(lists: impl IntoIterator<Item = L>) -> Self {
        let mut csr = Self::default();
        for list in lists {
            csr.edges.extend_from_slice(list.as_ref());
            csr.end_task();
        }
        csr
    }

    /// Adds an edge to the task being built.
    #[inline]
    pub fn push_edge(&mut self, to: u32) {
        self.edges.push(to);
    }

    /// Closes the task being built.
    #[inline]
    pub fn end_task(&mut self) {
        self.starts.push(self.edges.len() as u32);
    }

    /// A view.
    #[inline]
    pub fn view(&self) -> Csr<'_> {
        Csr { starts: &self.starts, edges: &self.edges }
    }

    /// The edges of task `t`.
    #[inline]
    pub fn of(&self, t: u32) -> &[u32] {
        self.view().of(t)
    }

    /// How many tasks there are.
    #[inline]
    pub fn n_tasks(&self) -> usize {
        self.starts.len() - 1
    }

    /// How many edges there are.
    #[inline]
    pub fn n_edges(&self) -> usize {
        self.edges.len()
    }
}
