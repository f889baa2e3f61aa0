//! `totc lsp`

use super::{Failure, Outcome};
use crate::lsp::serve;
use lsp_server::Connection;

/// Serves editors over standard input and output (Language Server Protocol 3.17): mistakes as you type, with mends, outline
/// and form. Editors start it by themselves.
#[derive(clap::Args)]
pub struct Args {
    /// Standard input and output, which is the only way; some editors say so
    #[arg(long)]
    stdio: bool,
}

/// Serves until the editor is done.
pub fn main(_: &Args) -> Outcome {
    let (connection, threads) = Connection::stdio();
    let served = serve(&connection);
    drop(connection);
    served.map_err(|error| Failure::World(format!("the editor: {error}")))?;
    threads.join().map_err(|error| Failure::World(format!("the editor: {error}")))
}
