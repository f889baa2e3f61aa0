//! Lines of Python that fit: those above the most letters are broken inside of brackets, as Black does it. Takes a text whose
//! statements stand on a line each, gives one that means the same; lines without brackets, and those of docstrings, stay.

/// The most letters of a line.
const MOST: usize = 100;

/// The text with its long lines broken.
pub(super) fn wrapped(text: &str) -> String {
    let mut out = String::new();
    let mut quoted = false;
    for line in text.lines() {
        let doc = quoted || line.contains("\"\"\"");
        quoted ^= line.matches("\"\"\"").count() % 2 == 1;
        match doc {
            true => out.push_str(line),
            false => statement(line, &mut out),
        }
        out.push('\n');
    }
    out
}

fn statement(line: &str, out: &mut String) {
    let brackets = outermost(line);
    let longest = brackets.into_iter().max_by_key(|(open, close)| close - open);
    let Some((open, close)) = longest.filter(|(open, close)| fits_not(line) && close - open > 1) else {
        out.push_str(line);
        return;
    };
    let indent = " ".repeat(line.len() - line.trim_start().len());
    let (head, body, tail) = (&line[..=open], &line[open + 1..close], &line[close..]);
    out.push_str(head);
    let inner = format!("{indent}    {body}");
    if !fits_not(&inner) {
        out.push_str(&format!("\n{inner}"));
    } else {
        let parts = between_commas(body);
        let many = parts.len() > 1 || body.trim_end().ends_with(',');
        for part in parts {
            out.push('\n');
            statement(&format!("{indent}    {}{}", part.trim(), if many { "," } else { "" }), out);
        }
    }
    out.push('\n');
    statement(&format!("{indent}{tail}"), out);
}

fn fits_not(line: &str) -> bool {
    line.chars().count() > MOST
}

/// Places of the brackets that stand in no others.
fn outermost(line: &str) -> Vec<(usize, usize)> {
    let (mut found, mut open, mut depth) = (Vec::new(), 0, 0usize);
    for (at, letter) in code(line) {
        match letter {
            '(' | '[' | '{' => {
                if depth == 0 {
                    open = at;
                }
                depth += 1;
            }
            ')' | ']' | '}' => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    found.push((open, at));
                }
            }
            _ => {}
        }
    }
    found
}

/// The parts between commas that stand in no brackets.
fn between_commas(body: &str) -> Vec<&str> {
    let (mut parts, mut start, mut depth) = (Vec::new(), 0, 0i32);
    for (at, letter) in code(body) {
        match letter {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(&body[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    if !body[start..].trim().is_empty() {
        parts.push(&body[start..]);
    }
    parts
}

/// The letters outside of strings.
fn code(line: &str) -> impl Iterator<Item = (usize, char)> {
    let mut inside = false;
    line.char_indices().filter(move |(_, letter)| {
        let quote = *letter == '"';
        inside ^= quote;
        !quote && !inside
    })
}
