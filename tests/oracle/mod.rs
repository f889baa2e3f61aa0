//! The oracle: a second evaluator of the language, as naive as can be, and what holds the compiler against it.
//! Nothing in here reads the checker or the primitives of totc.

mod calls;
pub mod compare;
pub mod compiled;
pub mod evaluate;
mod expressions;
pub mod generate;
mod generate_conditions;
mod generate_expressions;
mod generate_schedule;
mod members;
mod nets;
mod primitives;
mod reshape;
mod results;
mod schedule;
pub mod shrink;
mod value;

/// The configs that a model has.
pub fn configs(texts: &compiled::Texts, settings: &evaluate::Settings) -> Vec<String> {
    let members = members::flattened(&texts.modules, settings.model.as_deref()).unwrap_or_default();
    members.into_iter().filter(|member| member.word == "config").map(|member| member.name).collect()
}
