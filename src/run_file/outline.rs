//! Where things stand in a RON text: takes any text, gives a tree of its values with byte ranges; decides no meaning
//! and refuses nothing (`ron` does), so that a broken text still has places to point at.

use std::ops::Range;

/// A value: a number, a text, a word, or a group in brackets.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// From the first to past the last byte, name and brackets included.
    pub span: Range<usize>,
    /// What stands between the brackets; `None` for a value without any.
    pub group: Option<RonGroup>,
}

/// `name( … )`, `( … )`, `[ … ]` or `{ … }`.
#[derive(Clone, Debug, PartialEq)]
pub struct RonGroup {
    /// Everything up to and including the opening bracket.
    pub head: Range<usize>,
    /// The opening bracket: `(`, `[` or `{`.
    pub bracket: char,
    /// What it holds, in order.
    pub entries: Vec<RonEntry>,
}

/// One item of a group, with its key if it has one.
#[derive(Clone, Debug, PartialEq)]
pub struct RonEntry {
    pub key: Option<Key>,
    pub value: Node,
    /// Key, value and the comma after it.
    pub whole: Range<usize>,
}

/// The name of a field (`batch`) or of a map entry (`"T"`), without its quotes.
#[derive(Clone, Debug, PartialEq)]
pub struct Key {
    pub name: String,
    pub span: Range<usize>,
}

impl Node {
    /// The entry of that name; in a list, of that number.
    pub fn entry(&self, name: &str) -> Option<&RonEntry> {
        let entries = &self.group.as_ref()?.entries;
        let named = |entry: &&RonEntry| entry.key.as_ref().is_some_and(|key| key.name == name);
        entries
            .iter()
            .find(named)
            .or_else(|| entries.get(name.parse::<usize>().ok()?).filter(|e| e.key.is_none()))
    }

    /// What `Some(…)` holds, or the value itself.
    pub fn unwrapped<'a>(&'a self, text: &str) -> &'a Node {
        let Some(group) = &self.group else { return self };
        match group.entries.as_slice() {
            [only] if text.get(group.head.clone()).is_some_and(|head| head.starts_with("Some")) => {
                &only.value
            }
            _ => self,
        }
    }

    /// Calls `visit` with every entry below this value and its path from here, outermost first.
    pub fn walk<'a>(&'a self, path: &mut Vec<String>, visit: &mut dyn FnMut(&[String], &'a RonEntry)) {
        for (number, entry) in self.group.iter().flat_map(|group| &group.entries).enumerate() {
            path.push(entry.key.as_ref().map_or_else(|| number.to_string(), |key| key.name.clone()));
            visit(path, entry);
            entry.value.walk(path, visit);
            path.pop();
        }
    }

    /// The innermost entry that covers or touches byte `at`, with its path.
    pub fn entry_at(&self, at: usize) -> Option<(Vec<String>, &RonEntry)> {
        let mut found = None;
        self.walk(&mut Vec::new(), &mut |path, entry| {
            let start = entry.key.as_ref().map_or(entry.value.span.start, |key| key.span.start);
            if start <= at && at <= entry.value.span.end {
                found = Some((path.to_vec(), entry));
            }
        });
        found
    }

    /// The innermost group around byte `at`, with its path; the closing bracket counts as inside.
    pub fn group_at(&self, at: usize) -> (Vec<String>, &Node) {
        let mut found = (Vec::new(), self);
        self.walk(&mut Vec::new(), &mut |path, entry| {
            if let Some(group) = &entry.value.group
                && group.head.end <= at
                && at < entry.value.span.end
            {
                found = (path.to_vec(), &entry.value);
            }
        });
        found
    }
}

/// The tree of a whole text; `None` if it holds nothing but comments.
pub fn read(text: &str) -> Option<Node> {
    let mut reader = Reader { text, at: 0 };
    reader.skip_blank();
    reader.skip_extensions();
    reader.value(0)
}

/// Whether a text is exactly one value, with nothing open and nothing after it.
pub fn is_one_value(text: &str) -> bool {
    let mut reader = Reader { text, at: 0 };
    reader.skip_blank();
    let Some(node) = reader.value(0) else { return false };
    reader.skip_blank();
    let closed = match text.get(node.span).map(|value| (value.chars().next(), value.chars().last())) {
        Some((Some('"'), last)) => last == Some('"'),
        Some((_, last)) => node.group.is_none() || matches!(last, Some(')' | ']' | '}')),
        None => false,
    };
    reader.at == text.len() && closed && !text.contains("//") && !text.contains("/*")
}

/// Deeper brackets are left to `ron`, which refuses them.
const DEEPEST: usize = 100;

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl Reader<'_> {
    fn rest(&self) -> &str {
        self.text.get(self.at..).unwrap_or("")
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn skip_while(&mut self, wanted: impl Fn(char) -> bool) {
        let rest = self.rest();
        self.at += rest.find(|c| !wanted(c)).unwrap_or(rest.len());
    }

    /// Past `mark`, or to the end of the text.
    fn skip_past(&mut self, mark: &str) {
        let rest = self.rest();
        self.at += rest.find(mark).map_or(rest.len(), |found| found + mark.len());
    }

    fn skip_blank(&mut self) {
        loop {
            self.skip_while(char::is_whitespace);
            if self.rest().starts_with("//") {
                self.skip_past("\n");
            } else if self.rest().starts_with("/*") {
                self.skip_comment();
            } else {
                return;
            }
        }
    }

    /// Block comments nest in RON.
    fn skip_comment(&mut self) {
        let mut depth = 0;
        while let Some(c) = self.peek() {
            if self.rest().starts_with("/*") {
                depth += 1;
                self.at += 2;
            } else if self.rest().starts_with("*/") {
                depth -= 1;
                self.at += 2;
            } else {
                self.at += c.len_utf8();
            }
            if depth == 0 {
                return;
            }
        }
    }

    fn skip_extensions(&mut self) {
        while self.rest().starts_with("#!") {
            self.skip_past("]");
            self.skip_blank();
        }
    }

    fn value(&mut self, depth: usize) -> Option<Node> {
        let start = self.at;
        match self.peek()? {
            '"' => self.skip_quoted('"'),
            '\'' => self.skip_quoted('\''),
            '(' | '[' | '{' => return Some(self.group(start, depth)),
            'r' if self.raw_mark().is_some() => {
                let mark = self.raw_mark()?;
                self.skip_past("\"");
                self.skip_past(&mark);
            }
            ',' | ':' | ')' | ']' | '}' => return None,
            _ => {
                self.skip_while(|c| !c.is_whitespace() && !"()[]{},:\"'".contains(c));
                let end = self.at;
                self.skip_blank();
                if self.peek() == Some('(') {
                    return Some(self.group(start, depth));
                }
                self.at = end;
            }
        }
        Some(Node { span: start..self.at, group: None })
    }

    /// What closes the raw text (`r#"…"#`) that starts here.
    fn raw_mark(&self) -> Option<String> {
        let after = self.rest().strip_prefix('r')?;
        let hashes = after.len() - after.trim_start_matches('#').len();
        after.get(hashes..)?.starts_with('"').then(|| format!("\"{}", "#".repeat(hashes)))
    }

    fn skip_quoted(&mut self, quote: char) {
        self.at += quote.len_utf8();
        let mut escaped = false;
        while let Some(c) = self.peek() {
            self.at += c.len_utf8();
            match c {
                _ if escaped => escaped = false,
                '\\' => escaped = true,
                _ if c == quote => return,
                _ => {}
            }
        }
    }

    /// A group whose bracket is next; `start` is where its name began.
    fn group(&mut self, start: usize, depth: usize) -> Node {
        let bracket = self.peek().unwrap_or('(');
        self.at += bracket.len_utf8();
        let head = start..self.at;
        let mut entries = Vec::new();
        loop {
            self.skip_blank();
            match self.peek() {
                None => break,
                Some(')' | ']' | '}') => {
                    self.at += 1;
                    break;
                }
                Some(_) if depth >= DEEPEST => self.at = self.text.len(),
                Some(c) => match self.entry(depth) {
                    Some(entry) => entries.push(entry),
                    None => self.at += c.len_utf8(),
                },
            }
        }
        Node { span: start..self.at, group: Some(RonGroup { head, bracket, entries }) }
    }

    fn entry(&mut self, depth: usize) -> Option<RonEntry> {
        let first = self.value(depth + 1)?;
        let start = first.span.start;
        let mut end = self.at;
        self.skip_blank();
        let (key, value) = if self.peek() == Some(':') {
            self.at += 1;
            self.skip_blank();
            let name = self.text.get(first.span.clone()).unwrap_or("").trim_matches('"').to_owned();
            let value = self.value(depth + 1).unwrap_or(Node { span: self.at..self.at, group: None });
            end = self.at;
            (Some(Key { name, span: first.span }), value)
        } else {
            (None, first)
        };
        self.skip_blank();
        if self.peek() == Some(',') {
            self.at += 1;
            end = self.at;
        }
        Some(RonEntry { key, value, whole: start..end })
    }
}
