//! Chunks put together from pieces of other chunks: what slicing, taking and rechunking have in common.
//!
//! Along each axis an output chunk is a list of pieces, each a range of one input chunk; an output block is the product.

use std::sync::Arc;

use dask_core::layer::{Materialized, ravel, unravel};
use dask_core::{Call, LayerRef, Name, TaskError, Token};
use ndarray::{ArrayD, IxDyn, SliceInfo, SliceInfoElem};
use serde::{Deserialize, Serialize};

use crate::Array;
use crate::array::slice_info;
use crate::chunk::Chunk;
use crate::chunks::Chunks;
use crate::element::Element;
use crate::op::{ArrayTask, Op};

/// A range of one input chunk along one axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Piece {
    /// The chunk.
    pub(crate) block: u32,
    /// First element, or, backwards, the last.
    pub(crate) start: usize,
    /// One past the last element, or, backwards, past the first.
    pub(crate) end: usize,
    /// Never 0; if negative, `start..end` is walked from its end.
    pub(crate) step: isize,
}

impl Piece {
    pub(crate) fn len(&self) -> usize {
        (self.end - self.start).div_ceil(self.step.unsigned_abs())
    }
}

/// For each axis, for each output chunk: its pieces. And the axes that are dropped, each of length 1.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Pieces {
    axes: Vec<Vec<Vec<Piece>>>,
    dropped: Vec<usize>,
}

impl Pieces {
    /// The position among all axes from that in the output, which lacks the dropped ones.
    fn full_index(&self, index: &[u32]) -> Vec<u32> {
        let mut kept = index.iter();
        let at = |axis: usize| if self.dropped.contains(&axis) { 0 } else { kept.next().copied().unwrap_or(0) };
        (0..self.axes.len()).map(at).collect()
    }

    /// The pieces of one output block, in C order, each with its offset in the block.
    fn for_each_piece(&self, index: &[u32], mut f: impl FnMut(&[(Piece, usize)])) {
        let lists: Vec<Vec<(Piece, usize)>> = self
            .full_index(index)
            .iter()
            .zip(&self.axes)
            .map(|(&i, chunks)| {
                let offset = |offset: &mut usize, piece: &Piece| {
                    Some((*piece, std::mem::replace(offset, *offset + piece.len())))
                };
                chunks[i as usize].iter().scan(0, offset).collect()
            })
            .collect();
        let counts: Vec<u32> = lists.iter().map(|list| list.len() as u32).collect();
        let mut at = dask_core::Index::new();
        for n in 0..counts.iter().product::<u32>() {
            unravel(n, &counts, &mut at);
            let piece: Vec<(Piece, usize)> = at.iter().zip(&lists).map(|(&i, list)| list[i as usize]).collect();
            f(&piece);
        }
    }

    pub(crate) fn assemble<A: Element>(&self, call: &mut Call<'_>) -> Result<ArrayD<A>, TaskError> {
        let mut pieces: Vec<Vec<(Piece, usize)>> = Vec::new();
        self.for_each_piece(call.index(), |piece| pieces.push(piece.to_vec()));
        let full = self.full_index(call.index());
        let shape: Vec<usize> =
            full.iter().zip(&self.axes).map(|(&i, chunks)| chunks[i as usize].iter().map(Piece::len).sum()).collect();
        let part = |input: &ArrayD<A>, piece: &[(Piece, usize)]| -> Result<ArrayD<A>, TaskError> {
            Ok(input.slice(info(&ranges(piece))?).to_owned())
        };
        let mut block = if let [only] = pieces.as_slice() {
            part(&call.get::<Chunk<A>>(0)?.0, only)?
        } else {
            let mut block = ArrayD::from_elem(IxDyn(&shape), A::default());
            for (i, piece) in pieces.iter().enumerate() {
                let input = &call.get::<Chunk<A>>(i)?.0;
                let to: Vec<_> = piece.iter().map(|(piece, at)| (*at, at + piece.len(), 1)).collect();
                block.slice_mut(info(&to)?).assign(&input.slice(info(&ranges(piece))?));
            }
            block
        };
        for &axis in self.dropped.iter().rev() {
            block = block.index_axis_move(ndarray::Axis(axis), 0);
        }
        Ok(block)
    }
}

fn ranges(piece: &[(Piece, usize)]) -> Vec<(usize, usize, isize)> {
    piece.iter().map(|(piece, _)| (piece.start, piece.end, piece.step)).collect()
}

fn info(ranges: &[(usize, usize, isize)]) -> Result<SliceInfo<Vec<SliceInfoElem>, IxDyn, IxDyn>, TaskError> {
    Ok(SliceInfo::try_from(slice_info(ranges))?)
}

/// An array put together from pieces of `array`; `dropped` axes have one chunk of one element.
pub(crate) fn assemble<A: Element>(
    array: &Array<A>,
    what: &str,
    axes: Vec<Vec<Vec<Piece>>>,
    dropped: Vec<usize>,
) -> Array<A> {
    let lengths = |chunks: &Vec<Vec<Piece>>| chunks.iter().map(|pieces| pieces.iter().map(Piece::len).sum()).collect();
    let kept = axes.iter().enumerate().filter(|(axis, _)| !dropped.contains(axis));
    let chunks = Chunks::from_vec(kept.map(|(_, chunks)| lengths(chunks)).collect());
    let pieces = Pieces { axes, dropped };
    let task = ArrayTask { dtype: A::DTYPE, op: Op::Assemble(pieces.clone()) };
    let name = Name::tokened(what, Token::of(&(what, task.token(), array.layer().name())));
    let (from, to) = (array.grid(), chunks.grid());
    let mut layer = Materialized::uniform(name, &to, vec![array.layer().name().clone()], Arc::new(task));
    let mut index = dask_core::Index::new();
    for block in 0..to.iter().product::<u32>() {
        unravel(block, &to, &mut index);
        let mut edges = Vec::new();
        pieces.for_each_piece(&index, |piece| {
            let input: Vec<u32> = piece.iter().map(|(piece, _)| piece.block).collect();
            edges.push((0, ravel(&input, &from).unwrap_or(0)));
        });
        layer.push_uniform(&edges);
    }
    Array::from_layer(LayerRef::new(layer, vec![array.layer().clone()]), chunks)
}
