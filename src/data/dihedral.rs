//! The eight symmetries of a rectangle of cells: takes a grid row by row, gives it turned or mirrored; numbered as in
//! the reference (`dataset/common.py` of TinyRecursiveModels).

/// A turn or mirroring of a grid.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Dihedral(u8);

impl Dihedral {
    /// All eight, in the order of their numbers; the first is the identity.
    pub const ALL: [Dihedral; 8] = [
        Dihedral(0),
        Dihedral(1),
        Dihedral(2),
        Dihedral(3),
        Dihedral(4),
        Dihedral(5),
        Dihedral(6),
        Dihedral(7),
    ];

    /// The transform of a number: 0 identity, 1 quarter turn counter-clockwise, 2 half turn, 3 quarter turn clockwise,
    /// 4 mirror left-right, 5 mirror top-bottom, 6 transpose, 7 anti-transpose; none from 8 on.
    pub fn new(number: usize) -> Option<Dihedral> {
        Dihedral::ALL.get(number).copied()
    }

    /// Its number, below 8.
    pub fn number(self) -> usize {
        usize::from(self.0)
    }

    /// The transform that undoes it.
    pub fn inverse(self) -> Dihedral {
        match self.0 {
            1 => Dihedral(3),
            3 => Dihedral(1),
            other => Dihedral(other),
        }
    }

    /// Whether rows become columns.
    pub fn swaps_sides(self) -> bool {
        matches!(self.0, 1 | 3 | 6 | 7)
    }

    /// Rows and columns of a transformed grid of `rows` x `columns`.
    pub fn size(self, rows: usize, columns: usize) -> (usize, usize) {
        if self.swaps_sides() { (columns, rows) } else { (rows, columns) }
    }

    /// Where cell (`i`, `j`) of the result comes from, in a grid of `rows` x `columns`; (`i`, `j`) must lie in the result.
    pub fn source(self, i: usize, j: usize, rows: usize, columns: usize) -> (usize, usize) {
        match self.0 {
            1 => (j, columns - 1 - i),
            2 => (rows - 1 - i, columns - 1 - j),
            3 => (rows - 1 - j, i),
            4 => (i, columns - 1 - j),
            5 => (rows - 1 - i, j),
            6 => (j, i),
            7 => (rows - 1 - j, columns - 1 - i),
            _ => (i, j),
        }
    }

    /// The transformed cells, row by row, of `cells` `[rows * columns]`; `size` tells the new rows and columns.
    pub fn apply<T: Copy>(self, cells: &[T], rows: usize, columns: usize) -> Vec<T> {
        debug_assert_eq!(cells.len(), rows * columns);
        let (high, wide) = self.size(rows, columns);
        let mut turned = Vec::with_capacity(cells.len());
        for i in 0..high {
            for j in 0..wide {
                let (row, column) = self.source(i, j, rows, columns);
                turned.push(cells[row * columns + column]);
            }
        }
        turned
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `dihedral_transform(np.arange(6).reshape(2, 3), k)`, as NumPy's rot90, fliplr, flipud and T give it.
    #[test]
    fn transforms_a_rectangle_as_numpy_does() {
        let expected = [
            ((2, 3), [0, 1, 2, 3, 4, 5]),
            ((3, 2), [2, 5, 1, 4, 0, 3]),
            ((2, 3), [5, 4, 3, 2, 1, 0]),
            ((3, 2), [3, 0, 4, 1, 5, 2]),
            ((2, 3), [2, 1, 0, 5, 4, 3]),
            ((2, 3), [3, 4, 5, 0, 1, 2]),
            ((3, 2), [0, 3, 1, 4, 2, 5]),
            ((3, 2), [5, 2, 4, 1, 3, 0]),
        ];
        for (transform, (size, cells)) in Dihedral::ALL.into_iter().zip(expected) {
            assert_eq!(transform.size(2, 3), size, "{transform:?}");
            assert_eq!(transform.apply(&[0, 1, 2, 3, 4, 5], 2, 3), cells, "{transform:?}");
        }
    }

    #[test]
    fn the_inverse_undoes() {
        let cells: Vec<usize> = (0..20).collect();
        for transform in Dihedral::ALL {
            let (rows, columns) = transform.size(4, 5);
            let turned = transform.apply(&cells, 4, 5);
            assert_eq!(transform.inverse().apply(&turned, rows, columns), cells, "{transform:?}");
        }
    }
}
