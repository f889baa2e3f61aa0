//! Running text as text: takes the pictures of a label and of an answer, gives lines of letters for a `pre`, the guess
//! under what is right; draws nothing and judges nothing.

use std::collections::BTreeSet;
use std::fmt::Write;

use super::escape;
use super::grid::{Told, shade};
use crate::data::Picture;

/// Letters of a line: what a telephone shows without scrolling.
const LINE: usize = 40;

/// Text alone.
pub fn plain(picture: &Picture, label: &str) -> String {
    let cells: Vec<String> = picture.cells.iter().map(|cell| letter(&cell.text)).collect();
    let lines: Vec<String> = cells.chunks(LINE).map(|line| escape(&line.concat())).collect();
    format!("<pre class=\"running\" aria-label=\"{}\">{}</pre>", escape(label), lines.join("\n"))
}

/// A guess under the right text, line by line; without one, the guess alone. Letters are shaded by how sure they are, wrong
/// ones are marked, and what changed at this step is underlined.
pub fn guess(right: Option<&Picture>, guess: &Picture, told: &Told, label: &str) -> String {
    let mut lines = Vec::new();
    for from in (0..guess.cells.len()).step_by(LINE) {
        let cells = guess.cells.get(from..(from + LINE).min(guess.cells.len())).unwrap_or_default();
        if let Some(right) = right {
            let above = right.cells.iter().skip(from).take(LINE).map(|cell| letter(&cell.text));
            lines.push(format!("<span class=\"right\">{}</span>", escape(&above.collect::<String>())));
        }
        let mut line = String::new();
        let mut run: Option<(String, String)> = None;
        for cell in cells {
            let class = class(cell.at, told);
            // A space that is wrong must be seen.
            let shown = if cell.text == " " && class.starts_with('w') {
                "␣".to_owned()
            } else {
                letter(&cell.text)
            };
            match &mut run {
                Some((same, letters)) if *same == class => letters.push_str(&shown),
                _ => {
                    close(&mut line, run.take());
                    run = Some((class, shown));
                }
            }
        }
        close(&mut line, run);
        lines.push(line);
    }
    format!("<pre class=\"running\" aria-label=\"{}\">{}</pre>", escape(label), lines.join("\n"))
}

fn close(line: &mut String, run: Option<(String, String)>) {
    if let Some((class, letters)) = run {
        let _ = write!(line, "<span class=\"{class}\">{}</span>", escape(&letters));
    }
}

fn class(at: usize, told: &Told) -> String {
    let has = |set: Option<&BTreeSet<usize>>| set.is_some_and(|set| set.contains(&at));
    let level = told.sure.map_or(0, |sure| shade(sure.get(at)));
    let wrong = if has(told.wrong) { 'w' } else { 's' };
    format!("{wrong}{level}{}", if has(told.changed) { " c" } else { "" })
}

/// One column for each token, so that what stands below one another belongs together.
fn letter(text: &str) -> String {
    match text {
        "" => "∅".to_owned(),
        "\n" => "⏎".to_owned(),
        "\t" => "⇥".to_owned(),
        text if text.chars().count() == 1 => text.to_owned(),
        _ => "·".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{Mark, PictureCell};

    fn picture(text: &str) -> Picture {
        let cell = |(at, letter): (usize, char)| PictureCell {
            at,
            text: letter.to_string(),
            colour: None,
            mark: Mark::Filled,
        };
        Picture { columns: 0, blocks: (0, 0), cells: text.chars().enumerate().map(cell).collect() }
    }

    #[test]
    fn a_guess_stands_under_what_is_right() {
        let wrong = BTreeSet::from([1]);
        let told = Told { sure: Some(&[0.1, 0.6, 0.95]), wrong: Some(&wrong), changed: None };
        let drawn = guess(Some(&picture("a<\n")), &picture("abc"), &told, "1 wrong");
        assert_eq!(
            drawn,
            "<pre class=\"running\" aria-label=\"1 wrong\"><span class=\"right\">a&lt;⏎</span>\n\
             <span class=\"s0\">a</span><span class=\"w1\">b</span><span class=\"s3\">c</span></pre>"
        );
    }

    #[test]
    fn every_line_is_as_long_as_the_one_above() {
        let long = "x".repeat(2 * LINE + 3);
        let drawn = guess(Some(&picture(&long)), &picture(&long), &Told::default(), "");
        let bare: String = drawn.split('<').map(|part| part.rsplit('>').next().unwrap_or("")).collect();
        let lengths: Vec<usize> = bare.lines().map(|line| line.chars().count()).collect();
        assert_eq!(lengths, [LINE, LINE, LINE, LINE, 3, 3]);
    }
}
