//! Contractions as products of matrices: which axes are rows, which columns, which are summed over, and which a loop has to
//! walk because their entries do not follow one another.

use super::array::{Array, merged};
use crate::types::AxisId;

/// Steps of a loop around a product: entries, and how far each operand moves.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Walk {
    pub size: usize,
    pub left: usize,
    pub right: usize,
    pub out: usize,
}

/// `out[row, col] = Σ_k left[row, k] · right[col, k]` for every entry of the loops. Strides are in elements.
#[derive(Clone, Debug)]
pub(super) struct Product {
    /// The second operand is the left one.
    pub swapped: bool,
    pub walks: Vec<Walk>,
    pub rows: usize,
    pub cols: usize,
    pub k: usize,
    /// From row to row, and along k.
    pub left: (usize, usize),
    /// From column to column, and along k.
    pub right: (usize, usize),
    /// From row to row; columns are neighbours.
    pub out: usize,
}

impl Product {
    /// Of two operands and where the result goes; None where the axes stand so that no loop of products gives it.
    pub fn of(a: &Array, b: &Array, over: &[AxisId], out: &Array) -> Option<Product> {
        Product::oriented(a, b, over, out, false).or_else(|| Product::oriented(b, a, over, out, true))
    }

    fn oriented(left: &Array, right: &Array, over: &[AxisId], out: &Array, swapped: bool) -> Option<Product> {
        let only = |own: &Array, other: &Array| -> Vec<AxisId> {
            out.ty.axes().filter(|axis| own.ty.has(*axis) && !other.ty.has(*axis)).collect()
        };
        let (rows, cols) = (only(left, right), only(right, left));
        let (count, right_step) = merged(&right.along(&cols))?;
        let (_, out_step) = merged(&out.along(&cols))?;
        if count > 1 && out_step != 1 {
            return None;
        }
        let inner = contracted(left, right, over)?;
        let mut walks: Vec<Walk> = Vec::new();
        let mut walk = |axis: AxisId| {
            walks.push(Walk {
                size: out.ty.size(axis).unwrap_or(1),
                left: left.stride(axis),
                right: right.stride(axis),
                out: out.stride(axis),
            });
        };
        out.ty.axes().filter(|axis| left.ty.has(*axis) && right.ty.has(*axis)).for_each(&mut walk);
        // As many rows as follow one another in both.
        let start = (0..=rows.len()).find(|start| {
            merged(&left.along(&rows[*start..])).is_some() && merged(&out.along(&rows[*start..])).is_some()
        })?;
        rows[..start].iter().copied().for_each(&mut walk);
        let (height, left_step) = merged(&left.along(&rows[start..]))?;
        let (_, out_row) = merged(&out.along(&rows[start..]))?;
        if height > 1 && out_row < count {
            return None;
        }
        Some(Product {
            swapped,
            walks,
            rows: height,
            cols: count,
            k: inner.0,
            left: (left_step, inner.1),
            right: (right_step, inner.2),
            out: out_row.max(count),
        })
    }
}

/// (entries, stride in the left operand, stride in the right one) of what is summed over.
fn contracted(left: &Array, right: &Array, over: &[AxisId]) -> Option<(usize, usize, usize)> {
    let orders = [right, left]
        .map(|array| -> Vec<AxisId> { array.ty.axes().filter(|axis| over.contains(axis)).collect() });
    orders.iter().find_map(|order| {
        let (count, left) = merged(&left.along(order))?;
        let (_, right) = merged(&right.along(order))?;
        Some((count, left, right))
    })
}

/// The share of a weight's gradient that one application of it has: `out[n, k] = Σ_r dy[r, n] · x[r, k]`, r over all that
/// is summed over, the batch among it.
#[derive(Clone, Debug)]
pub(super) struct Application {
    pub dy: Array,
    pub x: Array,
    /// Of the loops around it that may be left out, from the outermost: bools, of which one must be true, or it has no share.
    pub guards: Vec<Array>,
    /// Loops over what is summed over; `out` is 0.
    pub walks: Vec<Walk>,
    /// Rows that follow one another in both operands.
    pub rows: usize,
    pub n: usize,
    pub k: usize,
    /// From row to row, and from column to column.
    pub dy_strides: (usize, usize),
    /// Likewise.
    pub x_strides: (usize, usize),
}

impl Application {
    /// What it reads.
    pub fn buffers(&self) -> impl Iterator<Item = usize> + '_ {
        [self.dy.buffer, self.x.buffer].into_iter().chain(self.guards.iter().map(|guard| guard.buffer))
    }

    /// Of a contraction of `a` and `b` whose result has the axes `out`, in memory order.
    pub fn of(a: &Array, b: &Array, over: &[AxisId], out: &[AxisId]) -> Option<Application> {
        let first = out.first().is_none_or(|axis| a.ty.has(*axis));
        let (dy, x) = if first { (a, b) } else { (b, a) };
        let rows: Vec<AxisId> = out.iter().copied().take_while(|axis| dy.ty.has(*axis)).collect();
        let cols = &out[rows.len()..];
        let apart = rows.iter().all(|axis| !x.ty.has(*axis)) && cols.iter().all(|axis| !dy.ty.has(*axis));
        if !apart || over.iter().any(|axis| !dy.ty.has(*axis) || !x.ty.has(*axis)) {
            return None;
        }
        let (n, dy_col) = merged(&dy.along(&rows))?;
        let (k, x_col) = merged(&x.along(cols))?;
        let order: Vec<AxisId> = dy.ty.axes().filter(|axis| over.contains(axis)).collect();
        let start = (0..=order.len()).find(|start| {
            merged(&dy.along(&order[*start..])).is_some() && merged(&x.along(&order[*start..])).is_some()
        })?;
        let walks = order[..start].iter().map(|axis| Walk {
            size: dy.ty.size(*axis).unwrap_or(1),
            left: dy.stride(*axis),
            right: x.stride(*axis),
            out: 0,
        });
        let (count, dy_row) = merged(&dy.along(&order[start..]))?;
        let (_, x_row) = merged(&x.along(&order[start..]))?;
        Some(Application {
            guards: Vec::new(),
            walks: walks.collect(),
            rows: count,
            n,
            k,
            dy_strides: (dy_row, dy_col),
            x_strides: (x_row, x_col),
            dy: dy.clone(),
            x: x.clone(),
        })
    }
}

/// Every combination of the loops' entries, as offsets of (left, right, out).
pub(super) fn offsets(walks: &[Walk]) -> Vec<(usize, usize, usize)> {
    let mut all = vec![(0, 0, 0)];
    for walk in walks {
        let steps = |(left, right, out): (usize, usize, usize)| {
            (0..walk.size)
                .map(move |at| (left + at * walk.left, right + at * walk.right, out + at * walk.out))
        };
        all = all.into_iter().flat_map(steps).collect();
    }
    all
}
