//! Where nodes stand: ranks by longest path, few crossings by barycentres, columns by averaging.
//!
//! Source: Sugiyama, Tagawa, Toda, *Methods for visual understanding of hierarchical system structures* (1981).

/// How often the ranks are swept, up and down.
const SWEEPS: usize = 12;
/// Between the sides of neighbours.
const GAP: f64 = 22.0;
/// Between one rank and the next.
pub(super) const RANK_HEIGHT: f64 = 78.0;

/// The middles of the nodes, and for each edge the points it goes through.
pub(super) struct Placed {
    pub(super) nodes: Vec<(f64, f64)>,
    pub(super) edges: Vec<Vec<(f64, f64)>>,
    pub(super) width: f64,
    pub(super) n_ranks: usize,
}

/// Places nodes of the given widths; the edges have no cycle. What is needed stands below who needs it.
pub(super) fn place(widths: &[f64], edges: &[(u32, u32)]) -> Placed {
    let rank = ranks(widths.len(), edges);
    let n_ranks = rank.iter().max().map_or(0, |&r| r as usize + 1);
    let mut widths = widths.to_vec();
    let mut ranks_of = rank.clone();
    let mut links = Vec::new();
    // An edge over several ranks goes through points of its own, which take part as narrow nodes.
    let chains: Vec<Vec<u32>> = edges
        .iter()
        .map(|&(from, to)| {
            let mut chain = vec![from];
            for between in rank[from as usize] + 1..rank[to as usize] {
                chain.push(widths.len() as u32);
                widths.push(2.0);
                ranks_of.push(between);
            }
            chain.push(to);
            links.extend(chain.windows(2).map(|pair| (pair[0], pair[1])));
            chain
        })
        .collect();
    let mut rows: Vec<Vec<u32>> = vec![Vec::new(); n_ranks];
    for (node, &rank) in ranks_of.iter().enumerate() {
        rows[rank as usize].push(node as u32);
    }
    let (mut below, mut above) = (vec![Vec::new(); widths.len()], vec![Vec::new(); widths.len()]);
    for &(from, to) in &links {
        above[from as usize].push(to);
        below[to as usize].push(from);
    }
    let mut x = vec![0.0; widths.len()];
    rows.iter().for_each(|row| pack(row, &widths, &mut x));
    // The last one goes up: whoever needs several stands over their middle.
    for sweep in 0..=2 * SWEEPS {
        let up = sweep % 2 == 0;
        let neighbours = if up { &below } else { &above };
        for at in 0..n_ranks {
            let row = &mut rows[if up { at } else { n_ranks - 1 - at }];
            let wish: Vec<f64> = row.iter().map(|&node| wish(&neighbours[node as usize], &x, node)).collect();
            let mut order: Vec<usize> = (0..row.len()).collect();
            if sweep < SWEEPS {
                order.sort_by(|&a, &b| wish[a].total_cmp(&wish[b]));
            }
            *row = order.iter().map(|&i| row[i]).collect();
            let wish: Vec<f64> = order.iter().map(|&i| wish[i]).collect();
            settle(row, &wish, &widths, &mut x);
        }
    }
    let left = (0..widths.len()).map(|node| x[node] - widths[node] / 2.0).fold(f64::INFINITY, f64::min);
    let right = (0..widths.len()).map(|node| x[node] + widths[node] / 2.0).fold(f64::NEG_INFINITY, f64::max);
    let point = |node: u32| {
        let y = (n_ranks - 1 - ranks_of[node as usize] as usize) as f64 * RANK_HEIGHT;
        (x[node as usize] - left, y)
    };
    Placed {
        nodes: (0..rank.len() as u32).map(point).collect(),
        edges: chains.iter().map(|chain| chain.iter().map(|&node| point(node)).collect()).collect(),
        width: if widths.is_empty() { 0.0 } else { right - left },
        n_ranks,
    }
}

/// The longest path to each node; then what nothing holds down is pulled up to who needs it.
fn ranks(n: usize, edges: &[(u32, u32)]) -> Vec<u32> {
    let (mut missing, mut above) = (vec![0u32; n], vec![Vec::new(); n]);
    for &(from, to) in edges {
        missing[to as usize] += 1;
        above[from as usize].push(to);
    }
    let is_root: Vec<bool> = missing.iter().map(|&m| m == 0).collect();
    let mut ready: Vec<u32> = (0..n as u32).filter(|&node| is_root[node as usize]).collect();
    let mut rank = vec![0u32; n];
    while let Some(node) = ready.pop() {
        for &to in &above[node as usize] {
            rank[to as usize] = rank[to as usize].max(rank[node as usize] + 1);
            missing[to as usize] -= 1;
            if missing[to as usize] == 0 {
                ready.push(to);
            }
        }
    }
    for node in (0..n).filter(|&node| is_root[node]) {
        if let Some(lowest) = above[node].iter().map(|&to| rank[to as usize]).min() {
            rank[node] = lowest - 1;
        }
    }
    rank
}

fn wish(neighbours: &[u32], x: &[f64], node: u32) -> f64 {
    if neighbours.is_empty() {
        return x[node as usize];
    }
    neighbours.iter().map(|&other| x[other as usize]).sum::<f64>() / neighbours.len() as f64
}

/// Side by side.
fn pack(row: &[u32], widths: &[f64], x: &mut [f64]) {
    let mut at = 0.0;
    for &node in row {
        x[node as usize] = at + widths[node as usize] / 2.0;
        at += widths[node as usize] + GAP;
    }
}

/// As near to their wishes as the order and the gaps allow, in the sense of least squares: neighbours that would
/// overlap form a block, and a block stands at the mean of its members' wishes.
fn settle(row: &[u32], wish: &[f64], widths: &[f64], x: &mut [f64]) {
    // (sum of wishes less offsets, members)
    let mut blocks: Vec<(f64, usize)> = Vec::with_capacity(row.len());
    let mut offsets = Vec::with_capacity(row.len());
    let mut offset = 0.0;
    for (i, &node) in row.iter().enumerate() {
        if i > 0 {
            offset += (widths[row[i - 1] as usize] + widths[node as usize]) / 2.0 + GAP;
        }
        offsets.push(offset);
        blocks.push((wish[i] - offset, 1));
        while let [.., (left, n_left), (right, n_right)] = blocks[..] {
            if left / n_left as f64 <= right / n_right as f64 {
                break;
            }
            blocks.truncate(blocks.len() - 2);
            blocks.push((left + right, n_left + n_right));
        }
    }
    let mut members = row.iter().zip(&offsets);
    for (sum, n) in blocks {
        for (&node, &offset) in members.by_ref().take(n) {
            x[node as usize] = sum / n as f64 + offset;
        }
    }
}
