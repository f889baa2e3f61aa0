fn main() {
    let mut sources = totc::source::Sources::default();
    let mut sink = totc::diagnostic::Sink::default();
    let args: Vec<String> = std::env::args().skip(1).collect();
    let m = totc::syntax::load(std::path::Path::new(&args[0]), &totc::syntax::Disk, &mut sources, &mut sink).unwrap();
    for mode in [totc::lower::Mode::Training, totc::lower::Mode::Evaluation] {
        let mut b = totc::model::Bindings::new(mode);
        b.model = args.get(1).cloned();
        if let Some(model) = totc::model::check(&m, &sources, &b, &mut sink) {
            if std::env::var("DUMP").is_ok() { println!("{}", totc::model::print(&model)); }
        let n: usize = model.weights.iter().filter(|w| w.role == totc::lower::Role::Param).map(|w| w.count()).sum();
            println!("{} params {n}", model.name);
        }
    }
    print!("{}", totc::diagnostic::render(&sink, &sources, totc::diagnostic::Colours::Never));
}
