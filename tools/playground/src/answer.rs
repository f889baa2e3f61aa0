//! What the page may ask: what ships with totc, messages of the language server, and what `totc explain` and `totc graph` say of
//! a text with its settings. Files are the page's texts and the shipped models.

use serde::Deserialize;
use serde_json::{Value, json};
use std::io::{Error, ErrorKind, Result as Read};
use std::path::Path;
use totc::data::{self, DataError};
use totc::diagnostic::Colours;
use totc::draw::{Format, draw};
use totc::explain::explain;
use totc::lsp::{Message, Server, WORDS};
use totc::model_file::{CompileError, ModelFile};
use totc::run_file;
use totc::syntax::{Reader, Shipped, shipped_files, shipped_text};

/// The language server, with the texts that the page has opened.
pub struct House(Server);

impl Default for House {
    fn default() -> House {
        House(Server::over(Box::new(Shipped)))
    }
}

#[derive(Deserialize)]
#[serde(tag = "ask", rename_all = "lowercase")]
enum Question {
    /// What ships with totc.
    About,
    /// A message for the language server.
    Editor { message: Message },
    /// What is known of the model.
    Explain(Subject),
}

/// What a command would be given.
#[derive(Deserialize)]
struct Subject {
    model_file: Text,
    /// The run file whose model it is.
    run_file: Option<Text>,
    /// `--model`
    model: Option<String>,
    /// `--set`, each `NAME=VALUE`
    sets: Vec<String>,
    /// `--size`, each `AXIS=N`
    sizes: Vec<String>,
    /// `--depth` of the drawing
    depth: usize,
}

#[derive(Deserialize)]
struct Text {
    name: String,
    text: String,
}

impl House {
    /// The answer as JSON; a question that cannot be understood is `{"problem": …}` too.
    pub fn answer(&mut self, question: &[u8]) -> String {
        let answer = match serde_json::from_slice(question) {
            Ok(Question::About) => about(),
            Ok(Question::Editor { message }) => json!({ "said": self.0.take(message, false) }),
            Ok(Question::Explain(subject)) => told(&subject),
            Err(error) => problem(error.to_string()),
        };
        answer.to_string()
    }
}

fn about() -> Value {
    let text = |name: &String, ending: &str| shipped_text(&format!("{name}.{ending}"));
    let models = shipped_files("tot")
        .into_iter()
        .map(|name| json!({ "name": format!("{name}.tot"), "text": text(&name, "tot") }));
    // A sweep is many models.
    let runs = shipped_files("ron").into_iter().filter_map(|name| {
        let text = text(&name, "ron").filter(|text| !run_file::is_sweep(text))?;
        let name = format!("{name}.ron");
        let run = run_file::parse(Path::new(&name), text, &[] as &[&str]).ok()?;
        Some(json!({ "name": name, "text": text, "model_file": run.run.model }))
    });
    json!({
        "version": env!("CARGO_PKG_VERSION"),
        "words": WORDS.as_slice(),
        "models": models.collect::<Vec<_>>(),
        "runs": runs.collect::<Vec<_>>(),
    })
}

fn problem(text: impl Into<String>) -> Value {
    json!({ "problem": text.into() })
}

fn told(subject: &Subject) -> Value {
    let mut notes = Vec::new();
    let mut file = match subject.opened(&mut notes) {
        Ok(file) => file,
        Err(text) => return problem(text),
    };
    let models = file.models();
    let failed = |text: String| json!({ "problem": text, "models": models });
    // A library has nothing to explain; that it can be read is the language server's to tell.
    if models.is_empty() && !file.sink.has_errors() {
        return json!({ "models": models, "notes": ["There is no model in this text: nothing to explain."] });
    }
    let explained = match explain(&mut file) {
        Ok(explained) => explained,
        Err(CompileError::Mistakes(mistakes)) => return failed(mistakes.render(Colours::Never)),
        Err(error) => return failed(format!("internal error: {error}")),
    };
    notes.extend(explained.stand_ins());
    json!({
        "models": models,
        "model": explained.model.graph.model,
        "sections": explained.sections(),
        "schedule": explained.schedule(),
        "notes": notes,
        "drawing": draw(&explained.model.outline, Format::Svg, subject.depth),
    })
}

impl Subject {
    /// The model file with everything bound, as the command opens it.
    fn opened(&self, notes: &mut Vec<String>) -> Result<ModelFile, String> {
        let cannot_read = |name: &str, error: Error| format!("{name}: {error}");
        let mut file = match &self.run_file {
            None => {
                let name = &self.model_file.name;
                let read = ModelFile::read(Path::new(name), self.model.clone(), self);
                let mut file = read.map_err(|error| cannot_read(name, error))?;
                for set in &self.sets {
                    file.set(set)?;
                }
                file
            }
            Some(run_file) => {
                let run = run_file::parse(Path::new(&run_file.name), &run_file.text, &self.sets);
                let run = run.map_err(|error| error.render(Colours::Never))?;
                let (path, model) = (run.model_path(), self.model.clone().or(run.run.name.clone()));
                let read = ModelFile::read(&path, model, self);
                let mut file = read.map_err(|error| cannot_read(&path.display().to_string(), error))?;
                file.bind_start(&run);
                match data::shape(&run.run.data, run.data_folder()) {
                    Ok(shape) => {
                        shape.sizes.axes().into_iter().for_each(|(axis, size)| file.bind_size(axis, size))
                    }
                    Err(DataError::File { path, .. }) => notes.push(format!(
                        "The data `{}` are no file of this page, so their sizes stand in: give them as sizes.",
                        path.display()
                    )),
                    Err(error) => notes.push(format!("The data cannot be used, so their sizes stand in: {error}")),
                }
                file
            }
        };
        for size in &self.sizes {
            file.set_size(size)?;
        }
        Ok(file)
    }
}

/// The page's model, and beside it those that ship with totc.
impl Reader for Subject {
    fn read(&self, path: &Path) -> Read<String> {
        match path == Path::new(&self.model_file.name) {
            true => Ok(self.model_file.text.clone()),
            false => Shipped.read(path).map_err(|_| {
                Error::new(
                    ErrorKind::NotFound,
                    "the page has no such file, and none of this name ships with totc",
                )
            }),
        }
    }

    fn siblings(&self, folder: &Path) -> Vec<String> {
        Shipped.siblings(folder)
    }
}
