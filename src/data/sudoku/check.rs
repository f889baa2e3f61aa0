//! Checking answers: takes a question and an answer, gives what is wrong with them; never solves or repairs.

use super::grid::{Grid, Side};
use crate::data::{Fault, Verdict};

/// Checks that an answer is finished, keeps the givens, and has each digit once in every row, column and box.
pub fn check(question: &Grid, answer: &Grid) -> Verdict {
    let side = answer.side();
    if question.side() != side {
        let what = format!("the answer has {} cells, the question {}", side.cells(), question.side().cells());
        return Verdict { faults: vec![Fault { cells: Vec::new(), what }] };
    }
    if answer.keeps(question) && lawful(answer) {
        return Verdict::default();
    }
    let mut faults = Vec::new();
    let of = |wrong: &dyn Fn(usize) -> bool| -> Vec<usize> {
        (0..side.cells()).filter(|&cell| wrong(cell)).collect()
    };
    let blank = of(&|cell| answer.cells()[cell] == 0);
    if let Some(&first) = blank.first() {
        faults.push(Fault {
            what: list(blank.len(), "holds no digit", "hold no digit", &place(side, first)),
            cells: blank,
        });
    }
    let lost = of(&|cell| match (question.cells()[cell], answer.cells()[cell]) {
        (0, _) | (_, 0) => false,
        (asked, held) => asked != held,
    });
    if let Some(&first) = lost.first() {
        let what =
            list(lost.len(), "differs from its given", "differ from their givens", &place(side, first));
        faults.push(Fault { what, cells: lost });
    }
    faults.extend(clashes(answer));
    Verdict { faults }
}

/// Whether every row, column and box holds every digit.
pub fn lawful(grid: &Grid) -> bool {
    let bit = |cell: &u8| (1_u32 << grid.cells()[usize::from(*cell)]) >> 1;
    let all = u32::from(grid.side().all());
    grid.side().shape().units.iter().all(|unit| unit.iter().map(bit).fold(0, |held, bit| held | bit) == all)
}

/// Every digit that stands twice in a unit.
pub fn clashes(grid: &Grid) -> Vec<Fault> {
    let shape = grid.side().shape();
    let mut faults = Vec::new();
    for (unit, cells) in shape.units.iter().enumerate() {
        for digit in 1..=grid.side().digits() as u8 {
            let held: Vec<usize> = cells
                .iter()
                .map(|&cell| usize::from(cell))
                .filter(|&cell| grid.cells()[cell] == digit)
                .collect();
            if held.len() > 1 {
                let times =
                    if held.len() == 2 { "twice".to_owned() } else { format!("{} times", held.len()) };
                let what = format!("{} holds {} {times}", shape.name(unit), super::text::digit(digit));
                faults.push(Fault { cells: held, what });
            }
        }
    }
    faults
}

/// The name of a cell for people.
pub fn place(side: Side, cell: usize) -> String {
    format!("row {} column {}", cell / side.digits() + 1, cell % side.digits() + 1)
}

fn list(count: usize, one: &str, many: &str, first: &str) -> String {
    match count {
        1 => format!("{first} {one}"),
        _ => format!("{count} cells {many}, the first at {first}"),
    }
}
