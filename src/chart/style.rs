//! The look of all charts: gives one style sheet, for light and dark, to the page of a run and to the pictures of `compare`
//! and `sweep`; places nothing.

use std::fmt::Write;

/// Colours of a chart on one ground.
struct Palette {
    ground: &'static str,
    /// What is read first, what explains, lines that help the eye, every other row.
    ink: &'static str,
    pale: &'static str,
    rule: &'static str,
    band: &'static str,
    /// What is compared; they stay apart for most eyes (Okabe and Ito, 2008; black and yellow left out).
    curves: [&'static str; 7],
}

const LIGHT: Palette = Palette {
    ground: "#ffffff",
    ink: "#1a2332",
    pale: "#566275",
    rule: "#d9dfe8",
    band: "#f6f8fb",
    curves: ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#6e6e6e"],
};

const DARK: Palette = Palette {
    ground: "#10151d",
    ink: "#e4e9f1",
    pale: "#a2aec0",
    rule: "#2d3846",
    band: "#182029",
    curves: ["#69aef2", "#f29a5b", "#3ccfa0", "#e4a6c7", "#9ad2f5", "#f2c14e", "#a9b0bc"],
};

/// Number of colours before they come again.
pub const COLOURS: usize = LIGHT.curves.len();

/// The class of what is compared in place `number`.
pub fn class(number: usize) -> String {
    format!("c{}", number % COLOURS)
}

/// Rules for whatever stands inside `scope`, such as `.chart`. A page that is dark shows charts dark.
pub fn sheet(scope: &str) -> String {
    let mut out = format!(
        "{scope} text{{font:13px Inter,\"Segoe UI\",Roboto,\"Helvetica Neue\",Arial,\"DejaVu Sans\",sans-serif;\
         font-variant-numeric:tabular-nums}}\n\
         {scope} .end{{text-anchor:end}}{scope} .middle{{text-anchor:middle}}\n\
         {scope} .title{{font-size:15px;font-weight:600}}{scope} .large{{font-size:18px;font-weight:600}}\n\
         {scope} .rule,{scope} .tick,{scope} .base{{stroke-width:1;fill:none}}\n\
         {scope} .curve polyline,{scope} .curve path{{fill:none;stroke-width:2;stroke-linejoin:round}}\n\
         {scope} .curve circle{{stroke-width:1}}{scope} .curve .faint{{fill-opacity:.3;stroke:none}}\n\
         {scope} .curve .area{{fill-opacity:.12;stroke:none}}\n\
         {scope} .curve.c1 .dashed{{stroke-dasharray:6 4}}{scope} .curve.c2 .dashed{{stroke-dasharray:2 3}}\n"
    );
    colours(&mut out, scope, &LIGHT);
    out.push_str("@media (prefers-color-scheme: dark){\n");
    colours(&mut out, scope, &DARK);
    out.push_str("}\n");
    out
}

/// The colours of charts that the page around them shares, as variables of its style sheet.
pub fn variables() -> String {
    let root = |palette: &Palette| {
        let Palette { ground, ink, pale, rule, band, .. } = palette;
        format!(":root{{--ground:{ground};--panel:{band};--ink:{ink};--muted:{pale};--line:{rule}}}")
    };
    format!("{}\n@media (prefers-color-scheme: dark){{{}}}\n", root(&LIGHT), root(&DARK))
}

fn colours(out: &mut String, scope: &str, palette: &Palette) {
    let Palette { ground, ink, pale, rule, band, curves } = palette;
    let _ = writeln!(
        out,
        "{scope} text{{fill:{pale}}}{scope} .ink{{fill:{ink}}}{scope} .ground{{fill:{ground}}}{scope} .band{{fill:{band}}}\n\
         {scope} .rule{{stroke:{rule}}}{scope} .tick,{scope} .base{{stroke:{pale}}}\n\
         {scope} .curve circle{{stroke:{ground}}}"
    );
    for (at, colour) in curves.iter().enumerate() {
        let _ = writeln!(
            out,
            "{scope} .curve.c{at}{{stroke:{colour};fill:{colour}}}{scope} .key.c{at} i{{border-color:{colour}}}"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Relative luminance as WCAG 2.1 defines it.
    fn luminance(colour: &str) -> f64 {
        let part = |from: usize| {
            let share = f64::from(u8::from_str_radix(&colour[from..from + 2], 16).unwrap()) / 255.0;
            if share <= 0.03928 { share / 12.92 } else { ((share + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * part(1) + 0.7152 * part(3) + 0.0722 * part(5)
    }

    fn contrast(one: &str, other: &str) -> f64 {
        let (one, other) = (luminance(one), luminance(other));
        (one.max(other) + 0.05) / (one.min(other) + 0.05)
    }

    #[test]
    fn words_and_curves_stand_out_from_their_ground() {
        for palette in [LIGHT, DARK] {
            assert!(contrast(palette.ink, palette.ground) >= 7.0);
            assert!(
                contrast(palette.pale, palette.ground) >= 4.5 && contrast(palette.pale, palette.band) >= 4.5
            );
            // The first three carry train, test and a third; WCAG asks 3 of graphics.
            assert!(palette.curves[..3].iter().all(|curve| contrast(curve, palette.ground) >= 3.0));
        }
    }

    #[test]
    fn no_letters_are_smaller_than_eleven_pixels() {
        let sheet = sheet(".chart");
        let sizes =
            sheet.split("px").filter_map(|before| before.rsplit([':', ' ']).next()?.parse::<f64>().ok());
        assert!(sizes.min_by(f64::total_cmp).unwrap() >= 11.0);
    }
}
