//! What holds for the picture of any outline: drawn for random ones, with hostile words and odd sizes.

use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use totc::draw::{Format, draw};
use totc::model::outline::{Carried, Extent, Halting, Item, ItemKind, Outline, Section};
use totc::source::Span;

const OUTLINES: u64 = 300;

#[test]
fn the_same_outline_gives_the_same_bytes() {
    for_each(|outline| {
        for format in [Format::Svg, Format::Dot, Format::Mermaid] {
            assert_eq!(draw(outline, format, 2), draw(outline, format, 2));
        }
    });
}

#[test]
fn svg_tags_are_balanced() {
    for_each(|outline| {
        let svg = draw(outline, Format::Svg, 2);
        let mut open = Vec::new();
        for piece in svg.split('<').skip(1) {
            let (tag, text) = piece.split_once('>').expect("a tag ends");
            assert!(!text.contains('>') || open.last() == Some(&"style"), "a bare > in {text:?}");
            assert_eq!(tag.matches('"').count() % 2, 0, "a quote is open in {tag:?}");
            match (tag.strip_prefix('/'), tag.ends_with('/')) {
                (Some(name), _) => assert_eq!(open.pop(), Some(name)),
                (None, false) => open.extend(tag.split([' ', '\n']).next()),
                (None, true) => {}
            }
        }
        assert!(open.is_empty(), "{open:?} stay open");
        assert!(!svg.chars().any(|letter| letter.is_control() && letter != '\n'));
    });
}

#[test]
fn nothing_overlaps_in_an_svg() {
    for_each(|outline| {
        let svg = draw(outline, Format::Svg, 2);
        let all = rects(&svg, &["ground"])[0];
        let cards = rects(&svg, &["box", "note"]);
        let frames = rects(&svg, &["panel", "frame", "rows"]);
        for (at, card) in cards.iter().enumerate() {
            assert!(card.inside(&all), "{card:?} leaves the picture");
            for other in &cards[at + 1..] {
                assert!(card.apart(other), "{card:?} and {other:?} overlap");
            }
            for frame in &frames {
                assert!(card.apart(frame) || card.inside(frame), "{frame:?} cuts {card:?}");
            }
        }
        for (at, frame) in frames.iter().enumerate() {
            for other in &frames[at + 1..] {
                let nested = frame.inside(other) || other.inside(frame);
                assert!(frame.apart(other) || nested, "{frame:?} cuts {other:?}");
            }
        }
    });
}

#[test]
fn mermaid_is_well_formed() {
    for_each(|outline| {
        let chart = draw(outline, Format::Mermaid, 2);
        let lines = || chart.lines().map(str::trim);
        let opened = lines().filter(|line| line.starts_with("subgraph ")).count();
        assert_eq!(opened, lines().filter(|line| *line == "end").count());
        for line in lines() {
            assert!(matches!(line.matches('"').count(), 0 | 2), "quotes in {line:?}");
        }
        let declared = |id: &str| {
            lines().any(|line| {
                line.starts_with(&format!("{id}["))
                    || line.starts_with(&format!("{id}{{"))
                    || line.starts_with(&format!("{id}("))
            })
        };
        for line in
            lines().filter(|line| line.contains("--> ") || line.contains("==>") || line.contains("-.-"))
        {
            let ends = [line.split(' ').next(), line.rsplit(' ').next()];
            assert!(ends.into_iter().flatten().all(declared), "an end of {line:?} is no node");
        }
    });
}

#[test]
fn dot_is_well_formed() {
    for_each(|outline| {
        let mut depth = 0;
        let mut quoted = false;
        let mut escaped = false;
        for letter in draw(outline, Format::Dot, 2).chars() {
            match letter {
                _ if escaped => escaped = false,
                '\\' if quoted => escaped = true,
                '"' => quoted = !quoted,
                '{' if !quoted => depth += 1,
                '}' if !quoted => depth -= 1,
                _ => {}
            }
        }
        assert_eq!((depth, quoted), (0, false));
    });
}

#[derive(Clone, Copy, Debug)]
struct Rect {
    left: f64,
    top: f64,
    right: f64,
    bottom: f64,
}

impl Rect {
    fn inside(&self, other: &Rect) -> bool {
        self.left >= other.left
            && self.top >= other.top
            && self.right <= other.right
            && self.bottom <= other.bottom
    }

    fn apart(&self, other: &Rect) -> bool {
        self.right < other.left
            || other.right < self.left
            || self.bottom < other.top
            || other.bottom < self.top
    }
}

/// The rectangles whose first class is one of `classes`.
fn rects(svg: &str, classes: &[&str]) -> Vec<Rect> {
    let attribute = |line: &str, name: &str| -> f64 {
        let value = line.split(&format!(" {name}=\"")).nth(1).and_then(|rest| rest.split('"').next());
        value.and_then(|value| value.parse().ok()).expect("a number")
    };
    let is_wanted = |line: &&str| {
        let rest = line.strip_prefix("<rect class=\"").unwrap_or_default();
        classes.contains(&rest.split(['"', ' ']).next().unwrap_or_default())
    };
    let rect = |line: &str| {
        let (left, top) = (attribute(line, "x"), attribute(line, "y"));
        Rect { left, top, right: left + attribute(line, "width"), bottom: top + attribute(line, "height") }
    };
    svg.lines().filter(is_wanted).map(rect).collect()
}

fn for_each(check: impl Fn(&Outline)) {
    for seed in 0..OUTLINES {
        check(&outline(&mut ChaCha8Rng::seed_from_u64(seed)));
    }
}

fn outline(chance: &mut impl Rng) -> Outline {
    let sections = ["encode", "think", "decode", "losses"];
    let sections = sections.map(|name| Section { name: name.to_owned(), items: items(chance, 0) });
    Outline {
        model: words(chance),
        sections: sections.to_vec(),
        states: nets(chance).into_iter().map(|name| Carried { name, axes: axes(chance) }).collect(),
        halting: chance.random::<bool>().then(|| Halting {
            when: chance.random::<bool>().then(|| words(chance)),
            reads: nets(chance),
            at_most: chance.random_range(1..99),
        }),
        parameters: nets(chance).into_iter().map(|path| (path, chance.random_range(1..99_999))).collect(),
    }
}

fn items(chance: &mut impl Rng, depth: usize) -> Vec<Item> {
    let count = chance.random_range(0..5);
    (0..count)
        .map(|at| Item {
            kind: kind(chance, depth, at),
            gradient: chance.random(),
            reads: nets(chance),
            gives: nets(chance),
            span: Span::NONE,
        })
        .collect()
}

fn kind(chance: &mut impl Rng, depth: usize, at: i64) -> ItemKind {
    let (state, axis, by) = (words(chance), words(chance), words(chance));
    let sizes = [1, 2, 3, 4, 6, 8, 16, 17, 64, 1000];
    let mut size = || sizes[chance.random_range(0..sizes.len())];
    let (from, to) = (size(), size());
    match chance.random_range(0..if depth < 3 { 8 } else { 6 }) {
        0 => ItemKind::Branch { state, axis, from, to: from * 2, by, nets: nets(chance) },
        1 => ItemKind::Merge { state, axis, from, to, by, nets: nets(chance) },
        2 => ItemKind::Prune { state, axis, from, to, by },
        3 => ItemKind::Record { name: state, over: None, axes: axes(chance) },
        4 | 5 => ItemKind::Update { target: state, text: by, nets: nets(chance), axes: axes(chance) },
        6 => ItemKind::Repeat { times: chance.random_range(0..14), items: items(chance, depth + 1) },
        _ => ItemKind::Iteration { index: at, of: 4, items: items(chance, depth + 1) },
    }
}

fn nets(chance: &mut impl Rng) -> Vec<String> {
    (0..chance.random_range(0..4)).map(|_| words(chance)).collect()
}

fn axes(chance: &mut impl Rng) -> Vec<Extent> {
    (0..chance.random_range(0..6))
        .map(|_| Extent { axis: words(chance), size: chance.random_range(0..99_999) })
        .collect()
}

fn words(chance: &mut impl Rng) -> String {
    const WORDS: [&str; 16] = [
        "z",
        "y",
        "f(y + z)",
        "z, y",
        "",
        "{ let a = f(z) return a }",
        "if b { let c = d return c } else { return 0 }",
        "a_rather_long_name_for_a_state_of_the_latent",
        "\"quoted\"",
        "<b>&amp;</b>",
        "end",
        "`x` # 1. ${y}",
        "}}}{{{",
        "\\n\\",
        "日本語 × → …",
        "\u{1}\t\n// not this\nbut this",
    ];
    let count = [1, 1, 1, 2, 9][chance.random_range(0..5)];
    (0..count).map(|_| WORDS[chance.random_range(0..WORDS.len())]).collect::<Vec<_>>().join(" ")
}
