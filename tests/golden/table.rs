//! The table of all fixtures: how far totc is from the published code, and how far that is from itself. In Markdown,
//! as `docs/golden.md` shows it.

use tch::Kind;

/// The largest difference, and the kernel noise beside it where it was measured.
pub type Apart = (f64, Option<f64>);

/// One part of a model fixture.
pub struct Row {
    pub fixture: String,
    pub model: String,
    pub part: String,
    pub outputs: Apart,
    pub states: Apart,
    pub losses: Apart,
    pub metrics: Apart,
    /// Relative to the largest entry of each gradient.
    pub gradients: Option<Apart>,
    /// Of section 11 of the data's description: of values, of gradients.
    pub tolerance: (f64, f64),
    /// What the test allows: of values, of gradients.
    pub allowed: (f64, Option<f64>),
}

/// One quantity along ten optimiser steps.
pub struct Trajectory {
    pub fixture: String,
    pub what: String,
    pub apart: f64,
    pub allowed: f64,
}

fn shown(value: f64) -> String {
    if value == 0.0 { "0".to_owned() } else { format!("{value:.1e}") }
}

fn cell((apart, noise): Apart) -> String {
    match noise {
        Some(noise) => format!("{} ({})", shown(apart), shown(noise)),
        None => shown(apart),
    }
}

fn line(cells: &[String]) -> String {
    format!("| {} |", cells.join(" | "))
}

pub fn print(precision: Kind, rows: &[Row], trajectories: &[Trajectory]) {
    println!("\n{}:", if precision == Kind::Double { "float64" } else { "float32" });
    println!(
        "\n| fixture | model | part | outputs | states | losses | metrics | gradients | tolerance | allowed |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|");
    for row in rows {
        let gradients = row.gradients.map_or("–".to_owned(), cell);
        let (values, relative) = row.tolerance;
        let pair = |values: f64, relative: Option<f64>| match relative {
            Some(relative) => format!("{values:.0e}, {relative:.0e}"),
            None => format!("{values:.0e}"),
        };
        let cells = [
            row.fixture.clone(),
            format!("`{}`", row.model),
            row.part.clone(),
            cell(row.outputs),
            cell(row.states),
            cell(row.losses),
            cell(row.metrics),
            gradients,
            pair(values, row.gradients.map(|_| relative)),
            pair(row.allowed.0, row.allowed.1),
        ];
        println!("{}", line(&cells));
    }
    println!("\n| fixture | along ten steps | largest difference | allowed |");
    println!("|---|---|---|---|");
    for row in trajectories {
        let cells = [row.fixture.clone(), row.what.clone(), shown(row.apart), format!("{:.0e}", row.allowed)];
        println!("{}", line(&cells));
    }
}
