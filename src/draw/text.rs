//! Takes the author's words, gives lines that fit a box and text that is safe inside a format; never changes a
//! word, except that what is too long ends in `…`.

/// On one line, without `//` comments: the author's line breaks mean nothing in a box.
pub fn one_line(text: &str) -> String {
    let words = text.lines().flat_map(|line| line.split("//").next().unwrap_or("").split_whitespace());
    let mut line = words.collect::<Vec<_>>().join(" ");
    line.retain(|letter| !letter.is_control());
    line
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

/// At most `most` lines of `width` letters, broken after spaces where there are any. The flag says whether
/// something was cut.
pub fn wrap(text: &str, width: usize, most: usize) -> (Vec<String>, bool) {
    let width = width.max(2);
    let mut lines = vec![];
    let mut rest: Vec<char> = text.chars().collect();
    while rest.len() > width {
        if lines.len() + 1 == most {
            lines.push(cut(&rest.iter().collect::<String>(), width));
            return (lines, true);
        }
        let end = break_at(&rest, width);
        let next = rest.split_off(end);
        lines.push(rest.iter().collect::<String>().trim_end().to_owned());
        rest = next.into_iter().skip_while(|letter| *letter == ' ').collect();
    }
    lines.push(rest.into_iter().collect());
    (lines, false)
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
