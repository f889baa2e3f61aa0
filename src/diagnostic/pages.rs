//! The page on each code of a mistake, as `totc explain CODE` prints it: Markdown of what is wrong, a model file that has
//! the mistake, the mend, and the mended file. A test holds every example against the checker.

use super::Code;
use include_dir::{Dir, include_dir};

static PAGES: Dir = include_dir!("$CARGO_MANIFEST_DIR/src/diagnostic/pages");

/// The page on a code: prose, and two model files in fences marked `tot`, the first with the mistake, the second without.
/// Empty for a code without a page, which a test forbids.
pub fn page(code: Code) -> &'static str {
    PAGES.get_file(format!("{}.md", code.slug())).and_then(|file| file.contents_utf8()).unwrap_or_default()
}
