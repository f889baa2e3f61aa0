//! Takes nets and positions, gives colours; holds the style sheet and the widths that letters may take. Never
//! looks at a layout.

use crate::draw::fold::Leaf;

/// One colour per net, the same wherever the net is called: shared weights are seen.
pub struct Palette<'a> {
    nets: Vec<&'a str>,
}

/// Each on light ground and on dark.
const COLOURS: [(&str, &str); 10] = [
    ("#1f6fc4", "#6fb2f5"),
    ("#c2530c", "#f2a065"),
    ("#2b8040", "#74cf8d"),
    ("#7c43c0", "#bf9af0"),
    ("#c62f62", "#f58bb0"),
    ("#0b7a8c", "#5cc7d8"),
    ("#8a5a2b", "#d3a878"),
    ("#5d6b0e", "#b5c45a"),
    ("#4a50cf", "#9ea3f7"),
    ("#a3327f", "#e48fc6"),
];

impl<'a> Palette<'a> {
    /// In the order of first calls.
    pub fn new(leaves: &[&Leaf<'a>]) -> Palette<'a> {
        let mut nets: Vec<&str> = Vec::new();
        for net in leaves.iter().flat_map(|leaf| leaf.nets.iter().copied()) {
            if !nets.contains(&net) {
                nets.push(net);
            }
        }
        Palette { nets }
    }

    /// The nets in the order they are first called.
    pub fn nets(&self) -> &[&'a str] {
        &self.nets
    }

    /// A net's colour in CSS: the same in every part of the drawing.
    pub fn colour(&self, net: &str) -> String {
        let at = self.nets.iter().position(|known| *known == net).unwrap_or(self.nets.len());
        match COLOURS.get(at) {
            Some((colour, _)) => (*colour).to_owned(),
            None => format!("hsl({}, 55%, 38%)", (at * 137) % 360),
        }
    }
}

/// The colour of thought `at` of `count`: a ramp from left to right, so that siblings are alike.
pub fn thought(at: usize, count: usize) -> String {
    const RAMP: [[f64; 3]; 4] =
        [[76.0, 81.0, 191.0], [38.0, 132.0, 199.0], [21.0, 154.0, 134.0], [106.0, 159.0, 42.0]];
    if count <= 1 {
        return "#51607a".to_owned();
    }
    let place = (at as f64 + 0.5) / count as f64 * (RAMP.len() - 1) as f64;
    let left = (place as usize).min(RAMP.len() - 2);
    let share = place - left as f64;
    let [red, green, blue] =
        [0, 1, 2].map(|part| (RAMP[left][part] * (1.0 - share) + RAMP[left + 1][part] * share).round() as u8);
    format!("#{red:02x}{green:02x}{blue:02x}")
}

/// Width of one letter of an expression (13 px monospace) and of its small form (11 px).
pub const MONO: f64 = 7.85;
/// Width of a letter at 11 px monospace, in pixels.
pub const SMALL_MONO: f64 = 6.65;

/// Words are no wider than this in any of the fonts asked for.
pub fn sans(text: &str, size: f64) -> f64 {
    text.chars().count() as f64 * size * 0.57
}

/// The width in pixels of bold words at `size` pixels, not exceeded in any font asked for.
pub fn bold(text: &str, size: f64) -> f64 {
    text.chars().count() as f64 * size * 0.64
}

/// The style sheet, scoped under `.totc`, for drawings that are pasted into a page; dark where its surroundings are.
pub fn sheet() -> String {
    let nets: String = COLOURS
        .iter()
        .map(|(light, dark)| format!(".totc tspan[fill=\"{light}\"] {{ fill: {dark}; }}\n"))
        .collect();
    format!("{SHEET}{nets}{DARK}")
}

const SHEET: &str = r##"<style>
.totc text { font: 12px Inter, "Segoe UI", Roboto, "Helvetica Neue", Arial, "DejaVu Sans", sans-serif; fill: #2b3648; }
.totc .mono { font: 13px "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", "Liberation Mono", monospace; }
.totc .small-mono { font: 11px "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", "Liberation Mono", monospace; fill: #4a5568; }
.totc .target { font-weight: 700; fill: #111a28; }
.totc .muted { fill: #5d687a; }
.totc .small { font-size: 11px; fill: #5d687a; }
.totc .name { font-size: 24px; font-weight: 700; fill: #111a28; }
.totc .part { font-size: 11px; font-weight: 700; letter-spacing: 1.5px; fill: #66738a; }
.totc .strong { font-weight: 700; }
.totc .end { text-anchor: end; }
.totc .middle { text-anchor: middle; }
.totc .on-pill { font-size: 11px; font-weight: 600; fill: #ffffff; text-anchor: middle; }
.totc .ground { fill: #ffffff; stroke: #e3e7ee; }
.totc .panel { fill: #f5f7fa; }
.totc .frame { fill: #ffffff; stroke: #aab4c4; stroke-width: 1.2; }
.totc .frame.pale { fill: url(#totc-hatch); stroke: #c3cad6; }
.totc .rows { fill: #fbfcfd; stroke: #ccd3de; stroke-width: 1.2; stroke-dasharray: 5 3; }
.totc .rows.pale { fill: url(#totc-hatch); }
.totc .tab { fill: #e9edf3; stroke: #aab4c4; stroke-width: 1.2; }
.totc .turn { fill: #ffffff; stroke: #4c5a70; stroke-width: 1.2; }
.totc .turn.learning { fill: #4c5a70; }
.totc .chevron { fill: none; stroke: #8792a5; stroke-width: 1.6; stroke-linecap: round; stroke-linejoin: round; }
.totc .rule { fill: none; stroke: #e1e6ed; }
.totc .bracket { fill: none; stroke: #c3cad6; stroke-width: 1.5; stroke-linecap: round; }
.totc .box { fill: #ffffff; stroke: #58667c; stroke-width: 1.2; }
.totc .box.pale { fill: url(#totc-hatch); stroke: #b9c2cf; stroke-dasharray: 4 3; }
.totc .note { fill: #ffffff; stroke: #ccd3de; }
.totc .note.pale { fill: url(#totc-hatch); stroke-dasharray: 4 3; }
.totc .note.record { fill: #fffaeb; stroke: #ead9a4; stroke-dasharray: none; }
.totc .leader { fill: none; stroke: #9aa5b5; stroke-dasharray: 1.5 3; stroke-linecap: round; stroke-width: 1.4; }
.totc .lane { fill: none; stroke-width: 2; }
.totc .bundle { fill-opacity: 0.28; }
.totc .cross { fill: none; stroke: #d6336c; stroke-width: 2; stroke-linecap: round; }
.totc .count { fill: #ffffff; stroke: #ccd3de; }
.totc .hatch-ground { fill: #f3f5f8; }
.totc .hatch-line { stroke: #e6eaf0; stroke-width: 2.4; }
@media (prefers-color-scheme: dark) {
"##;

const DARK: &str = r##".totc text { fill: #d3dae6; }
.totc .small-mono { fill: #b6c0d0; }
.totc .target, .totc .name { fill: #f2f5fa; }
.totc .muted, .totc .small, .totc .part { fill: #a2aec0; }
.totc .on-pill { fill: #ffffff; }
.totc .ground { fill: #10151d; stroke: #2d3846; }
.totc .panel { fill: #171e28; }
.totc .frame { fill: #10151d; stroke: #56657b; }
.totc .frame.pale { fill: url(#totc-hatch); stroke: #3b4859; }
.totc .rows { fill: #131922; stroke: #3b4859; }
.totc .rows.pale { fill: url(#totc-hatch); }
.totc .tab { fill: #263140; stroke: #56657b; }
.totc .turn { fill: #10151d; stroke: #a2aec0; }
.totc .turn.learning { fill: #a2aec0; }
.totc .rule, .totc .bracket { stroke: #3b4859; }
.totc .box { fill: #1b2430; stroke: #8b98ab; }
.totc .box.pale { fill: url(#totc-hatch); stroke: #56657b; }
.totc .note { fill: #1b2430; stroke: #3b4859; }
.totc .note.pale { fill: url(#totc-hatch); }
.totc .note.record { fill: #2b2614; stroke: #6b5c26; }
.totc .leader { stroke: #6b7a90; }
.totc .cross { stroke: #ff7aa8; }
.totc .count { fill: #1b2430; stroke: #3b4859; }
.totc .hatch-ground { fill: #151b24; } .totc .hatch-line { stroke: #222c39; }
}
</style>
<defs><pattern id="totc-hatch" width="7" height="7" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">
<rect class="hatch-ground" width="7" height="7"/><path class="hatch-line" d="M0 0V7"/>
</pattern></defs>
"##;
