//! Numbers as people read them: takes counts, measures and seconds, gives short texts and tables of them; rounds, so never
//! for files.

/// `1,234,567`.
pub fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A measure to four digits: `2.318`, `0.9531`, `1.2e-5`.
pub fn number(value: f64) -> String {
    match value.abs() {
        _ if !value.is_finite() => value.to_string(),
        0.0 => "0".to_owned(),
        size if !(1e-3..1e5).contains(&size) => format!("{value:.2e}"),
        size if size >= 1000.0 => format!("{value:.0}"),
        size if size >= 100.0 => format!("{value:.1}"),
        size if size >= 10.0 => format!("{value:.2}"),
        size if size >= 1.0 => format!("{value:.3}"),
        _ => format!("{value:.4}"),
    }
}

/// With four decimals, as in a column of shares: `0.9531`; `–` for what is no number.
pub fn fixed(value: f64) -> String {
    if value.is_nan() {
        return "–".to_owned();
    }
    let text = format!("{value:.4}");
    // What rounds to 0 has no sign.
    if text.trim_start_matches('-').bytes().all(|c| matches!(c, b'0' | b'.')) {
        "0.0000".to_owned()
    } else {
        text
    }
}

/// The same with a sign, as of a difference: `+0.0120`.
pub fn fixed_signed(value: f64) -> String {
    let text = fixed(value);
    if text.starts_with(['-', '–']) { text } else { format!("+{text}") }
}

const MINUTE: f64 = 60.0;
const HOUR: f64 = 3600.0;
const DAY: f64 = 86_400.0;

/// To about two places: `0.35 s`, `12 s`, `3 min 20 s`, `2 h 5 min`, `3 days 4 h`.
pub fn duration(seconds: f64) -> String {
    let whole = seconds.round();
    let two = |large: f64, large_name: &str, small: f64, small_name: &str| {
        let units = (whole / large).floor();
        let rest = ((whole - units * large) / small).floor();
        match rest {
            0.0 => format!("{units} {large_name}"),
            rest => format!("{units} {large_name} {rest} {small_name}"),
        }
    };
    match whole {
        _ if !seconds.is_finite() => "an unknown time".to_owned(),
        _ if seconds < 0.1 => format!("{:.0} ms", (seconds * 1000.0).max(0.0)),
        _ if seconds < 9.95 => format!("{seconds:.1} s"),
        s if s < MINUTE => format!("{s:.0} s"),
        s if s < HOUR => two(MINUTE, "min", 1.0, "s"),
        s if s < DAY => two(HOUR, "h", MINUTE, "min"),
        s if s < 2.0 * DAY => two(DAY, "day", HOUR, "h"),
        _ => two(DAY, "days", HOUR, "h"),
    }
}

/// To one place, for what is only a guess: `20 seconds`, `12 minutes`, `5 hours`, `41 days`, `3 years`.
pub fn rough_duration(seconds: f64) -> String {
    let (unit, name) = match seconds {
        s if !s.is_finite() => return "an unknown time".to_owned(),
        s if s < 100.0 => (1.0, "second"),
        s if s < 100.0 * MINUTE => (MINUTE, "minute"),
        s if s < 48.0 * HOUR => (HOUR, "hour"),
        s if s < 730.0 * DAY => (DAY, "day"),
        _ => (365.0 * DAY, "year"),
    };
    let units = (seconds / unit).round().max(1.0);
    format!("{} {name}{}", count(units as u64), if units == 1.0 { "" } else { "s" })
}

/// Lines of cells in columns: the first to the left, all others to the right, two spaces between.
pub fn table(lines: &[Vec<String>]) -> String {
    let columns = lines.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        lines.iter().filter_map(|line| line.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut text = String::new();
    for line in lines {
        let cells: Vec<String> = line
            .iter()
            .zip(&widths)
            .enumerate()
            .map(
                |(column, (cell, width))| {
                    if column == 0 { format!("{cell:<width$}") } else { format!("{cell:>width$}") }
                },
            )
            .collect();
        text.push_str(cells.join("  ").trim_end());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_have_separators() {
        assert_eq!([0, 999, 1000, 1_234_567].map(count), ["0", "999", "1,000", "1,234,567"]);
    }

    #[test]
    fn measures_have_four_digits() {
        let values = [0.0, 2.3178, 0.95314, 12.345, 123.45, 4321.9, 1.2e-5, -0.5, 3e7, f64::NAN];
        let wanted =
            ["0", "2.318", "0.9531", "12.35", "123.5", "4322", "1.20e-5", "-0.5000", "3.00e7", "NaN"];
        assert_eq!(values.map(number), wanted);
    }

    #[test]
    fn what_rounds_to_nothing_has_no_sign() {
        assert_eq!(
            [0.5, -1e-9, -0.0, -0.25, f64::NAN].map(fixed),
            ["0.5000", "0.0000", "0.0000", "-0.2500", "–"]
        );
        assert_eq!([1e-9, -1e-17, -0.25].map(fixed_signed), ["+0.0000", "+0.0000", "-0.2500"]);
        assert_eq!([-0.0, -1e-300].map(number)[0], "0");
    }

    #[test]
    fn durations_have_two_places() {
        let seconds = [0.0123, 0.35, 9.96, 59.6, 60.0, 200.0, 7500.0, 90_000.0, 273_600.0, f64::INFINITY];
        let wanted = [
            "12 ms",
            "0.3 s",
            "10 s",
            "1 min",
            "1 min",
            "3 min 20 s",
            "2 h 5 min",
            "1 day 1 h",
            "3 days 4 h",
            "an unknown time",
        ];
        assert_eq!(seconds.map(duration), wanted);
    }

    #[test]
    fn guesses_have_one() {
        let seconds = [0.2, 20.0, 100.0, 720.0, 18_000.0, 41.0 * DAY, 1100.0 * DAY];
        let wanted = ["1 second", "20 seconds", "2 minutes", "12 minutes", "5 hours", "41 days", "3 years"];
        assert_eq!(seconds.map(rough_duration), wanted);
    }
}
