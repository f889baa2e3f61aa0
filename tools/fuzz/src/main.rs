//! What libFuzzer calls: takes bytes, hands them to the reader that TOTC_FUZZ names, and ends the process where that takes more
//! memory than the bytes are worth. A panic, an endless loop or an overflow ends it too; libFuzzer keeps the bytes.
#![no_main]

mod memory;
mod targets;

use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;

/// A panic of the Parquet library is an error of the file for totc, as in its command line.
fn keep_damaged_tables_quiet() {
    let others = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if std::thread::current().name() != Some(totc::data::table::PARQUET_THREAD) {
            others(panic);
        }
    }));
}

fuzz_target!(|bytes: &[u8]| {
    static TARGET: OnceLock<fn(&[u8])> = OnceLock::new();
    let target = TARGET.get_or_init(|| {
        keep_damaged_tables_quiet();
        targets::named(&std::env::var("TOTC_FUZZ").unwrap_or_default())
    });
    memory::within(bytes.len(), || target(bytes));
});
