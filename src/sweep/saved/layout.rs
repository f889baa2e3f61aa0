//! JSON laid out for reading and for differences line by line: takes JSON without spaces, gives the same with what fits on a
//! line on one, and everything else with a line for each of its parts; changes no value.

/// Letters of a line that holds several values, at most.
const WIDTH: usize = 120;

/// The text laid out, with a line break at its end.
pub fn laid_out(json: &str) -> String {
    let mut out = String::with_capacity(json.len() * 2);
    // Of each open bracket: whether its parts have lines of their own.
    let mut open: Vec<bool> = Vec::new();
    let mut quoted = false;
    let mut chars = json.char_indices();
    while let Some((at, c)) = chars.next() {
        if quoted {
            out.push(c);
            match c {
                '\\' => out.extend(chars.next().map(|(_, escaped)| escaped)),
                '"' => quoted = false,
                _ => {}
            }
            continue;
        }
        match c {
            '[' | '{' => {
                let broken = length_of_group(&json[at..]) + 2 * open.len() > WIDTH;
                out.push(c);
                open.push(broken);
                line(&mut out, broken, open.len());
            }
            ']' | '}' => {
                let broken = open.pop().unwrap_or(false);
                line(&mut out, broken, open.len());
                out.push(c);
            }
            ',' => {
                out.push(c);
                let broken = open.last().copied().unwrap_or(false);
                if broken { line(&mut out, true, open.len()) } else { out.push(' ') }
            }
            ':' => out.push_str(": "),
            _ => {
                quoted = c == '"';
                out.push(c);
            }
        }
    }
    out.push('\n');
    out
}

fn line(out: &mut String, broken: bool, depth: usize) {
    if broken {
        out.push('\n');
        out.extend(std::iter::repeat_n("  ", depth));
    }
}

/// Letters of the value in brackets that a text begins with, a space after each comma and colon.
fn length_of_group(text: &str) -> usize {
    let (mut depth, mut quoted, mut escaped, mut length) = (0_usize, false, false, 0);
    for c in text.chars() {
        length += 1;
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => quoted = !quoted,
            _ if quoted => {}
            ',' | ':' => length += 1,
            '[' | '{' => depth += 1,
            ']' | '}' => depth -= 1,
            _ => {}
        }
        // What is longer than a line need not be known in full.
        if depth == 0 || length > WIDTH {
            break;
        }
    }
    length
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fits_stays_on_a_line_and_no_value_changes() {
        let long = "x".repeat(WIDTH);
        let value = serde_json::json!({ "a": [1, 2.5, null], "b": { "c": long, "d": "1, [2]: \"{\\" }, "e": [], "f": {} });
        let text = laid_out(&value.to_string());
        assert_eq!(serde_json::from_str::<serde_json::Value>(&text).unwrap(), value);
        assert!(text.contains("\n  \"a\": [1, 2.5, null],\n  \"b\": {\n    \"c\": \"xx"), "{text}");
        assert!(
            text.contains("\n    \"d\": \"1, [2]: \\\"{\\\\\"\n  },\n  \"e\": [],\n  \"f\": {}\n}\n"),
            "{text}"
        );
    }
}
