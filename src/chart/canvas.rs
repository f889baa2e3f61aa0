//! Takes shapes in pixels, gives an SVG document, an element a line; decides no place and no colour. Everything that comes
//! from a person is escaped here.

use std::fmt::Write;

use super::style;
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

/// Which letters a text has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Letters {
    /// What the picture is about.
    Large,
    /// What a part of it is about.
    Title,
    /// What is read first.
    Ink,
    /// What explains.
    Pale,
}

/// A drawing that is light or dark as its surroundings are. Places are pixels from the upper left.
#[derive(Clone, Debug)]
pub struct Canvas {
    text: String,
}

impl Canvas {
    /// An empty drawing of so many pixels.
    pub fn new(width: f64, height: f64) -> Canvas {
        let mut text = format!(
            "<svg class=\"totc-chart\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\" \
             xmlns=\"http://www.w3.org/2000/svg\">\n<style>{}</style>\n",
            style::sheet(".totc-chart")
        );
        let _ = writeln!(text, "<rect class=\"ground\" width=\"{width}\" height=\"{height}\"/>");
        Canvas { text }
    }

    /// The ground of a row, from its upper left corner.
    pub fn band(&mut self, (x, y): (f64, f64), (width, height): (f64, f64)) {
        let _ = writeln!(
            self.text,
            "<rect class=\"band\" x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\"/>"
        );
    }

    /// A line that helps the eye.
    pub fn rule(&mut self, from: (f64, f64), to: (f64, f64)) {
        let _ = writeln!(self.text, "<path class=\"rule\" d=\"M{} {}L{} {}\"/>", from.0, from.1, to.0, to.1);
    }

    /// A line in the colour of what is compared in place `number`.
    pub fn line(&mut self, number: usize, from: (f64, f64), to: (f64, f64)) {
        let class = style::class(number);
        let _ = writeln!(
            self.text,
            "<g class=\"curve {class}\"><path class=\"dashed\" d=\"M{} {}L{} {}\"/></g>",
            from.0, from.1, to.0, to.1
        );
    }

    /// A dot in the colour of what is compared in place `number`; a faint one is one of many.
    pub fn dot(&mut self, number: usize, (x, y): (f64, f64), radius: f64, faint: bool) {
        let (class, faint) = (style::class(number), if faint { " class=\"faint\"" } else { "" });
        let _ = writeln!(
            self.text,
            "<g class=\"curve {class}\"><circle{faint} cx=\"{x}\" cy=\"{y}\" r=\"{radius}\"/></g>"
        );
    }

    /// A text whose middle line lies at y.
    pub fn text(&mut self, (x, y): (f64, f64), letters: Letters, align: Align, text: &str) {
        let align = match align {
            Align::Start => "",
            Align::Middle => " middle",
            Align::End => " end",
        };
        let (class, size) = match letters {
            Letters::Large => ("large ink", 18.0),
            Letters::Title => ("title ink", 15.0),
            Letters::Ink => ("ink", 13.0),
            Letters::Pale => ("pale", 13.0),
        };
        // A third of its size is what letters stand above their base line, halved.
        let base = y + size * 0.35;
        let text = xml(&text.replace('\n', " "));
        let _ = writeln!(self.text, "<text class=\"{class}{align}\" x=\"{x}\" y=\"{base:.1}\">{text}</text>");
    }

    /// Elements that are SVG already, moved.
    pub fn elements(&mut self, (x, y): (f64, f64), elements: &str) {
        let _ = writeln!(self.text, "<g transform=\"translate({x} {y})\">\n{elements}</g>");
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
        canvas.text((1.0, 2.0), Letters::Large, Align::End, "<b> & \u{1}\n");
        let svg = canvas.finish();
        assert!(svg.contains("y=\"8.3\"") && svg.contains(">&lt;b&gt; &amp;  <"), "{svg}");
        assert!(svg.starts_with("<svg") && svg.ends_with("</svg>\n"));
    }
}
