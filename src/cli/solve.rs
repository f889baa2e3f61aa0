use super::{Failure, Outcome};
#[derive(clap::Args)]
pub struct Args {}
pub fn main(_: &Args) -> Outcome { Err(Failure::Usage("not yet".into())) }
