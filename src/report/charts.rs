//! What all charts share: colours and the writing of numbers; draws nothing itself.

/// Colours that stay apart for most eyes (Okabe and Ito, 2008; black and yellow left out).
pub const COLOURS: [(u8, u8, u8); 7] = [
    (0, 114, 178),
    (213, 94, 0),
    (0, 158, 115),
    (204, 121, 167),
    (86, 180, 233),
    (230, 159, 0),
    (110, 110, 110),
];

/// A number at an axis: `0.95`, `1500`, `20k`, `1.5M`.
pub fn axis_number(value: f64) -> String {
    let short = |value: f64, unit: &str| {
        let text = format!("{value:.3}");
        let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
        format!("{}{unit}", if text == "-0" { "0" } else { text })
    };
    match value.abs() {
        size if size >= 1e9 => short(value / 1e9, "G"),
        size if size >= 1e6 => short(value / 1e6, "M"),
        size if size >= 1e4 => short(value / 1e3, "k"),
        size if size > 0.0 && size < 1e-3 => format!("{value:.1e}"),
        _ => short(value, ""),
    }
}

/// Text for a picture: control characters have no place in XML, whatever the writer escapes.
pub fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axis_numbers_are_short() {
        let values =
            [0.0, 0.95, 1.0, 1500.0, 20_000.0, 1.5e6, 2e9, -0.25, 1e-5, 0.30000000000000004, -0.00001];
        let wanted = ["0", "0.95", "1", "1500", "20k", "1.5M", "2G", "-0.25", "1.0e-5", "0.3", "-1.0e-5"];
        assert_eq!(values.map(axis_number), wanted);
    }
}
