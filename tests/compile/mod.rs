//! How tests compile a model: takes a file or a text and what a run would bind, gives the program, or fails with what
//! the author would be told.
#![allow(dead_code, reason = "each test that includes this file uses a part of it")]

use std::io::{Error, ErrorKind};
use std::path::Path;

use totc::Values;
use totc::diagnostic::{Colours, Sink, render};
use totc::ir::Mode;
use totc::lower::Program;
use totc::model::{Bindings, Setting};
use totc::source::Sources;
use totc::syntax::{self, Disk, Reader};

/// One text under the name [`OneText::NAME`], and nothing beside it.
pub struct OneText<'t>(pub &'t str);

impl OneText<'_> {
    pub const NAME: &'static str = "case.tot";
}

impl Reader for OneText<'_> {
    fn read(&self, path: &Path) -> Result<String, Error> {
        if path == Path::new(OneText::NAME) { Ok(self.0.to_owned()) } else { Err(ErrorKind::NotFound.into()) }
    }

    fn siblings(&self, _: &Path) -> Vec<String> {
        Vec::new()
    }
}

/// Sizes of axes and values of configs, as a run binds them.
pub fn bindings(mode: Mode, sizes: &[(&str, usize)], sets: &[(&str, &str)]) -> Bindings {
    let mut bindings = Bindings::new(mode);
    bindings.sizes.extend(sizes.iter().map(|(axis, size)| ((*axis).to_owned(), *size)));
    bindings.sets.extend(sets.iter().map(|(name, value)| ((*name).to_owned(), Setting::parse(value))));
    bindings
}

pub fn text(text: &str, bindings: &Bindings, values: Values) -> Program {
    read(Path::new(OneText::NAME), &OneText(text), bindings, values)
}

pub fn file(path: &Path, bindings: &Bindings, values: Values) -> Program {
    read(path, &Disk, bindings, values)
}

fn read(path: &Path, reader: &dyn Reader, bindings: &Bindings, values: Values) -> Program {
    let (mut sources, mut sink) = (Sources::default(), Sink::default());
    let modules = syntax::load(path, reader, &mut sources, &mut sink).unwrap();
    let program = totc::compile(&modules, &sources, bindings, values, &mut sink).unwrap();
    program.unwrap_or_else(|| panic!("{}", render(&sink, &sources, Colours::Never)))
}
