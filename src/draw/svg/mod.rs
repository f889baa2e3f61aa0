//! Takes a folded outline, gives a whole SVG document with a layout of its own, from top to bottom; needs no graphviz and
//! no font file. Boxes never overlap, whatever the model; words that do not fit are cut and shown as a tooltip.

mod around;
mod canvas;
mod card;
mod columns;
mod flow;
mod lanes;
mod legend;
mod style;

use self::canvas::{Canvas, Layer, Rect, px};
use self::columns::{Columns, MARGIN};
use super::fold::Folded;
use super::text::{cut, one_line, xml};

const TITLE: f64 = 84.0;

/// A folded outline as one self-contained SVG; nets are listed `depth` parts of their paths deep.
pub fn write(folded: &Folded, depth: usize) -> String {
    let columns = Columns::measure(folded);
    let palette = style::Palette::new(&folded.leaves());
    let mut canvas = Canvas::default();
    let ground = canvas.reserve(Layer::Panels);
    let name = one_line(folded.model);
    let room = ((columns.width - 2.0 * MARGIN) / style::bold("m", 24.0)) as usize;
    canvas.text(Layer::Boxes, "name", (MARGIN + 2.0, 46.0), &cut(&name, room));
    canvas.text(Layer::Boxes, "muted", (MARGIN + 2.0, 67.0), "one supervision step, from top to bottom");

    let top = around::carried(&mut canvas, &columns, folded, TITLE);
    let bottom = flow::draw(&mut canvas, &columns, &palette, folded, top);
    around::way_back(&mut canvas, folded, (TITLE, bottom - 30.0));
    let bottom = around::halting(&mut canvas, &columns, folded, bottom);
    let bottom = around::nets(&mut canvas, &columns, folded, depth, bottom);
    let bottom = legend::draw(&mut canvas, &columns, &palette, folded, bottom - 10.0);
    let height = bottom + MARGIN - 8.0;
    let all = Rect { x: 0.5, y: 0.5, width: columns.width - 1.0, height: height - 1.0 };
    canvas.rect_at(ground, "ground", all, 14.0);

    let (width, height) = (px(columns.width), px(height));
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"totc\" role=\"img\" viewBox=\"0 0 {width} {height}\" \
         width=\"{width}\" height=\"{height}\">\n<title>{}</title>\n{}{}</svg>\n",
        xml(&name),
        style::sheet(),
        canvas.finish()
    )
}
