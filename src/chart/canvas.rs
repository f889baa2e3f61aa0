//! Takes shapes in pixels, gives an SVG document, an element a line; decides no place. Everything that comes from a person
//! is escaped here.

use std::fmt::Write;

use crate::draw::xml;

/// Which end of a text lies at its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Align {
    /// Its first letter.
    Start,
    /// Its middle.
    Middle,
    /// Its last letter.
    End,
}

/// A drawing on white. Places are pixels from the upper left.
#[derive(Clone, Debug)]
pub struct Canvas {
    text: String,
}

impl Canvas {
    /// An empty drawing of so many pixels.
    pub fn new(width: f64, height: f64) -> Canvas {
        let mut text = format!(
            "<svg width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\" \
             xmlns=\"http://www.w3.org/2000/svg\" font-family=\"sans-serif\">\n"
        );
        let _ = writeln!(text, "<rect width=\"{width}\" height=\"{height}\" fill=\"#FFFFFF\"/>");
        Canvas { text }
    }

    /// A filled rectangle from its upper left corner.
    pub fn rect(&mut self, (x, y): (f64, f64), (width, height): (f64, f64), colour: &str) {
        let _ = writeln!(
            self.text,
            "<rect x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" fill=\"{colour}\"/>"
        );
    }

    /// A line through points, as `x,y x,y`.
    pub fn polyline(&mut self, points: &str, colour: &str, width: f64) {
        let _ = writeln!(
            self.text,
            "<polyline fill=\"none\" stroke=\"{colour}\" stroke-width=\"{width}\" points=\"{points}\"/>"
        );
    }

    /// A straight line.
    pub fn line(&mut self, from: (f64, f64), to: (f64, f64), colour: &str, width: f64) {
        self.polyline(&format!("{},{} {},{}", from.0, from.1, to.0, to.1), colour, width);
    }

    /// A filled circle; `opacity` from 0 to 1.
    pub fn dot(&mut self, (x, y): (f64, f64), radius: f64, colour: &str, opacity: f64) {
        let _ = writeln!(
            self.text,
            "<circle cx=\"{x}\" cy=\"{y}\" r=\"{radius}\" fill=\"{colour}\" fill-opacity=\"{opacity}\"/>"
        );
    }

    /// A text whose middle line lies at y.
    pub fn text(&mut self, (x, y): (f64, f64), size: f64, colour: &str, align: Align, text: &str) {
        let anchor = match align {
            Align::Start => "start",
            Align::Middle => "middle",
            Align::End => "end",
        };
        // A third of its size is what letters stand above their base line, halved.
        let base = y + size * 0.35;
        let text = xml(&text.replace('\n', " "));
        let _ = writeln!(
            self.text,
            "<text x=\"{x}\" y=\"{base}\" font-size=\"{size}\" fill=\"{colour}\" text-anchor=\"{anchor}\">{text}</text>"
        );
    }

    /// The document.
    pub fn finish(mut self) -> String {
        self.text.push_str("</svg>\n");
        self.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_write_is_escaped() {
        let mut canvas = Canvas::new(10.0, 10.0);
        canvas.text((1.0, 2.0), 10.0, "#000000", Align::End, "<b> & \u{1}\n");
        let svg = canvas.finish();
        assert!(svg.contains("y=\"5.5\"") && svg.contains(">&lt;b&gt; &amp;  <"), "{svg}");
        assert!(svg.starts_with("<svg") && svg.ends_with("</svg>\n"));
    }
}
