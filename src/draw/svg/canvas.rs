//! Takes shapes in pixels, gives SVG elements in layers, one a line; decides no place and no colour. Everything
//! that comes from an author is escaped here.

use std::fmt::Display;

use crate::draw::text::xml;

/// Later layers cover earlier ones.
#[derive(Clone, Copy)]
pub enum Layer {
    /// Grounds of the sections.
    Panels,
    /// Frames of loops.
    Frames,
    /// Lines of thought and arrows.
    Lines,
    /// Boxes, notes and their words.
    Boxes,
}

/// A rectangle in pixels, y downwards.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rect {
    /// The left edge.
    pub x: f64,
    /// The upper edge.
    pub y: f64,
    /// In pixels.
    pub width: f64,
    /// In pixels.
    pub height: f64,
}

impl Rect {
    /// The right edge in pixels.
    pub fn right(&self) -> f64 {
        self.x + self.width
    }

    /// The lower edge in pixels.
    pub fn bottom(&self) -> f64 {
        self.y + self.height
    }
}

/// SVG elements by layer.
#[derive(Default)]
pub struct Canvas {
    layers: [Vec<String>; 4],
}

/// A place in a layer for what can only be drawn after its content.
pub struct Slot(Layer, usize);

impl Canvas {
    /// Adds a rectangle with round corners of `radius` pixels.
    pub fn rect(&mut self, layer: Layer, class: &str, rect: Rect, radius: f64) {
        let element = rect_element(class, rect, radius);
        self.put(layer, element);
    }

    /// Keeps a place behind what the layer has so far.
    pub fn reserve(&mut self, layer: Layer) -> Slot {
        self.put(layer, String::new());
        Slot(layer, self.layers[layer as usize].len() - 1)
    }

    /// A rectangle at a reserved place.
    pub fn rect_at(&mut self, slot: Slot, class: &str, rect: Rect, radius: f64) {
        if let Some(place) = self.layers[slot.0 as usize].get_mut(slot.1) {
            *place = rect_element(class, rect, radius);
        }
    }

    /// A circle around a point, in pixels.
    pub fn circle(&mut self, layer: Layer, class: &str, (x, y): (f64, f64), radius: f64) {
        let element =
            format!(r#"<circle class="{class}" cx="{}" cy="{}" r="{}"/>"#, px(x), px(y), px(radius));
        self.put(layer, element);
    }

    /// A circle that takes its colour from data, not from its class.
    pub fn dot(&mut self, layer: Layer, colour: &str, (x, y): (f64, f64), radius: f64) {
        let element =
            format!(r#"<circle fill="{colour}" cx="{}" cy="{}" r="{}"/>"#, px(x), px(y), px(radius));
        self.put(layer, element);
    }

    /// A path from SVG path data.
    pub fn path(&mut self, layer: Layer, class: &str, path: &str) {
        self.put(layer, format!(r#"<path class="{class}" d="{path}"/>"#));
    }

    /// A path in the colour of one thought; `paint` is `stroke` or `fill`.
    pub fn coloured(&mut self, layer: Layer, class: &str, paint: &str, colour: &str, path: &str) {
        self.put(layer, format!(r#"<path class="{class}" {paint}="{colour}" d="{path}"/>"#));
    }

    /// A line of text from its baseline's start; it is escaped.
    pub fn text(&mut self, layer: Layer, class: &str, (x, y): (f64, f64), text: &str) {
        let element = format!(r#"<text class="{class}" x="{}" y="{}">{}</text>"#, px(x), px(y), xml(text));
        self.put(layer, element);
    }

    /// A text whose content is SVG already.
    pub fn spans(&mut self, layer: Layer, class: &str, (x, y): (f64, f64), spans: &str) {
        let element = format!(r#"<text class="{class}" x="{}" y="{}">{spans}</text>"#, px(x), px(y));
        self.put(layer, element);
    }

    /// A net's name on its colour.
    pub fn pill(&mut self, rect: Rect, colour: &str, name: &str) {
        let mut element = rect_element("pill", rect, rect.height / 2.0);
        element.insert_str(element.len() - 2, &format!(r#" fill="{colour}""#));
        self.put(Layer::Boxes, element);
        self.text(Layer::Boxes, "on-pill", (rect.x + rect.width / 2.0, rect.y + 13.0), name);
    }

    /// Opens a group that shows `title` when a pointer rests on it.
    pub fn open(&mut self, layer: Layer, title: &str) {
        self.put(layer, format!("<g><title>{}</title>", xml(title)));
    }

    /// Closes the group that [`Canvas::open`] opened in that layer.
    pub fn close(&mut self, layer: Layer) {
        self.put(layer, "</g>".to_owned());
    }

    fn put(&mut self, layer: Layer, element: String) {
        self.layers[layer as usize].push(element);
    }

    /// All elements, back to front.
    pub fn finish(self) -> String {
        let elements = self.layers.into_iter().flatten().filter(|element| !element.is_empty());
        elements.map(|element| element + "\n").collect()
    }
}

fn rect_element(class: &str, rect: Rect, radius: f64) -> String {
    let Rect { x, y, width, height } = rect;
    let (x, y, width, height) = (px(x), px(y), px(width), px(height));
    let radius = px(radius);
    format!(r#"<rect class="{class}" x="{x}" y="{y}" width="{width}" height="{height}" rx="{radius}"/>"#)
}

/// Pixels with at most one decimal: short, and the same on every machine.
pub fn px(value: f64) -> impl Display {
    let tenths = (value * 10.0).round() as i64;
    let sign = if tenths < 0 { "-" } else { "" };
    match (tenths.unsigned_abs() / 10, tenths.unsigned_abs() % 10) {
        (whole, 0) => format!("{sign}{whole}"),
        (whole, tenth) => format!("{sign}{whole}.{tenth}"),
    }
}
