//! Takes the author's words, gives lines that fit a box and text that is safe inside a format; never changes a
//! word, except that what is too long ends in `…`.

/// On one line, without `//` comments: the author's line breaks mean nothing in a box.
pub fn one_line(text: &str) -> String {
    let words = text.lines().flat_map(|line| line.split("//").next().unwrap_or("").split_whitespace());
    let mut line = words.collect::<Vec<_>>().join(" ");
    line.retain(|letter| !letter.is_control());
    line
}

/// A block with `let` and `return` in it, one statement a line, indented; anything else is one line.
pub fn statements(text: &str) -> Vec<String> {
    let text = one_line(text);
    let inner = without_outer_braces(&text);
    let mut lines = vec![String::new()];
    // One entry per open brace: whether it holds statements.
    let mut open: Vec<bool> = Vec::new();
    for word in inner.split(' ') {
        let depth = open.iter().filter(|holds| **holds).count();
        let starts = matches!(word, "let" | "var" | "return" | "emit");
        if starts && (inner.len() < text.len() || !open.is_empty()) {
            let deeper = open.last_mut().is_some_and(|holds| !std::mem::replace(holds, true));
            begin(&mut lines, depth + usize::from(deeper));
        } else if word.starts_with('}') && open.last() == Some(&true) {
            begin(&mut lines, depth - 1);
        }
        for letter in word.chars() {
            match letter {
                '{' => open.push(false),
                '}' => drop(open.pop()),
                _ => {}
            }
        }
        if let Some(line) = lines.last_mut() {
            if !line.is_empty() && !line.ends_with(INDENT) {
                line.push(' ');
            }
            line.push_str(word);
        }
    }
    lines
}

/// What a line is indented with; no author writes it by accident.
pub const INDENT: char = '\u{a0}';

fn begin(lines: &mut Vec<String>, depth: usize) {
    let line = INDENT.to_string().repeat(2 * depth);
    match lines.last_mut() {
        Some(last) if last.is_empty() => *last = line,
        _ => lines.push(line),
    }
}

fn without_outer_braces(text: &str) -> &str {
    let Some(inner) = text.strip_prefix('{').and_then(|text| text.strip_suffix('}')) else { return text };
    let mut depth = 0;
    for letter in inner.chars() {
        depth += i32::from(letter == '{') - i32::from(letter == '}');
        if depth < 0 {
            return text;
        }
    }
    inner.trim()
}

/// At most `most` letters; `…` stands for what is cut.
pub fn cut(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    let mut short: String = text.chars().take(most.saturating_sub(1)).collect();
    short.truncate(short.trim_end().len());
    short.push('…');
    short
}

/// At most `most` lines of `width` letters, broken after spaces where there are any.
pub fn wrap(text: &str, width: usize, most: usize) -> Vec<String> {
    let width = width.max(2);
    let mut lines = vec![];
    let mut rest: Vec<char> = text.chars().collect();
    while rest.len() > width {
        if lines.len() + 1 == most {
            lines.push(cut(&rest.iter().collect::<String>(), width));
            return lines;
        }
        let end = break_at(&rest, width);
        let next = rest.split_off(end);
        lines.push(rest.iter().collect::<String>().trim_end().to_owned());
        rest = next.into_iter().skip_while(|letter| *letter == ' ').collect();
    }
    lines.push(rest.into_iter().collect());
    lines
}

/// Where to break a text that is longer than `width`: behind the last space, else behind the last bracket or
/// comma, else in the middle of a word.
fn break_at(text: &[char], width: usize) -> usize {
    let last = |wanted: fn(&char) -> bool, end: usize| text[..end].iter().rposition(wanted).map(|at| at + 1);
    last(|letter| *letter == ' ', width + 1)
        .filter(|end| *end > width / 3)
        .or_else(|| last(|letter| "([{,".contains(*letter), width).filter(|end| *end > width / 3))
        .unwrap_or(width)
}

/// For XML text and attributes.
pub fn xml(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            '\n' => safe.push('\n'),
            '\u{fffe}' | '\u{ffff}' => {}
            control if control.is_control() => {}
            letter => safe.push(letter),
        }
    }
    safe
}

/// For a quoted Mermaid label: whatever Mermaid or HTML could read as its own becomes an entity.
pub fn mermaid(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '"' | '#' | '<' | '>' | '&' | ';' | '`' | '\\' | '$' | '\'' => {
                safe.push_str(&format!("#{};", u32::from(letter)));
            }
            control if control.is_control() => safe.push(' '),
            letter => safe.push(letter),
        }
    }
    safe
}

/// For a quoted DOT string.
pub fn dot(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '"' | '\\' => safe.extend(['\\', letter]),
            control if control.is_control() => safe.push(' '),
            letter => safe.push(letter),
        }
    }
    safe
}
