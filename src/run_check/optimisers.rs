//! What is to be known of optimisers without a tensor: their names, what they are and the numbers that they take. Takes what a
//! run file sets, gives the numbers of its optimiser, or why it cannot have them.

use indexmap::IndexMap;

use super::misfit::Misfit;
use crate::diagnostic::suggestion;
use crate::run_file::Optimiser;

/// An optimiser that a run file may name.
#[derive(Clone, Copy, Debug)]
pub struct OptimiserAbout {
    /// Its name in run files.
    pub name: &'static str,
    /// One sentence with the source of its formula.
    pub about: &'static str,
    /// Its own numbers, in the order in which they are looked at.
    pub numbers: &'static [NumberAbout],
}

/// A number of one optimiser alone (`optimiser.options`).
#[derive(Clone, Copy, Debug)]
pub struct NumberAbout {
    /// Its name.
    pub name: &'static str,
    /// What it is where the run file says nothing.
    pub default: f64,
    /// What it must be, in words.
    pub must: &'static str,
    accepts: fn(f64) -> bool,
}

const fn rate(name: &'static str, default: f64) -> NumberAbout {
    NumberAbout {
        name,
        default,
        must: "at least 0 and below 1",
        accepts: |value| (0.0..1.0).contains(&value),
    }
}

const fn flag(name: &'static str, default: f64) -> NumberAbout {
    NumberAbout { name, default, must: "0 or 1", accepts: |value| value == 0.0 || value == 1.0 }
}

/// Keeps a quotient finite.
const EPS: NumberAbout = NumberAbout {
    name: "eps",
    default: 1e-8,
    must: "above 0",
    accepts: |value| value > 0.0 && value.is_finite(),
};

const STEPS: NumberAbout = NumberAbout {
    name: "ns_steps",
    default: 5.0,
    must: "a whole number from 1 to 99",
    accepts: |value| value.fract() == 0.0 && (1.0..100.0).contains(&value),
};

/// Every optimiser that a run file may name.
pub const OPTIMISERS: &[OptimiserAbout] = &[
    OptimiserAbout {
        name: "adamw",
        about: "Adam with decoupled weight decay (Loshchilov and Hutter, arXiv:1711.05101); beta1 0.9, beta2 0.95, eps 1e-8",
        numbers: &[rate("beta1", 0.9), rate("beta2", 0.95), EPS],
    },
    OptimiserAbout {
        name: "adam_atan2",
        about: "Adam with atan2(m, sqrt v) for m / sqrt v (Everett et al., arXiv:2407.05872; the rule of the package \
                adam-atan2 0.0.3, which corrects the first moment outside the arctangent); beta1 0.9, beta2 0.95",
        numbers: &[rate("beta1", 0.9), rate("beta2", 0.95)],
    },
    OptimiserAbout {
        name: "muon",
        about: "Muon (Jordan et al., 2024, in the form of torch.optim.Muon) for the matrices of `Linear`, AdamW for all else; \
                momentum 0.95, nesterov 1, ns_steps 5, match_rms 1, and AdamW's beta1 0.9, beta2 0.95, eps 1e-8",
        numbers: &[
            rate("momentum", 0.95),
            flag("nesterov", 1.0),
            STEPS,
            flag("match_rms", 1.0),
            rate("beta1", 0.9),
            rate("beta2", 0.95),
            EPS,
        ],
    },
    OptimiserAbout {
        name: "sgd",
        about: "stochastic gradient descent with momentum and, by `nesterov: 1`, Nesterov's look ahead (Sutskever et al., 2013, \
                in the form of torch.optim.SGD); momentum 0.9, dampening 0, nesterov 0",
        numbers: &[rate("momentum", 0.9), rate("dampening", 0.0), flag("nesterov", 0.0)],
    },
];

/// The numbers of one optimiser.
#[derive(Clone, Debug)]
pub struct Numbers {
    optimiser: &'static str,
    values: IndexMap<&'static str, f64>,
}

impl Numbers {
    /// The number of that name.
    ///
    /// # Errors
    /// A name that stands in no line of the table.
    pub fn get(&self, name: &str) -> Result<f64, Misfit> {
        self.values.get(name).copied().ok_or_else(|| no_number(self.optimiser, name, &self.values))
    }
}

/// The numbers that the settings give to their optimiser, each in its bounds.
///
/// # Errors
/// An optimiser or a number that there is not, and numbers that it cannot have.
pub fn numbers_of(config: &Optimiser) -> Result<Numbers, Misfit> {
    let Some(about) = OPTIMISERS.iter().find(|about| about.name == config.name) else {
        return Err(no_optimiser(&config.name));
    };
    let mut values = IndexMap::new();
    for number in about.numbers {
        let value = config.options.get(number.name).copied().unwrap_or(number.default);
        if !(number.accepts)(value) {
            let (name, what) = (number.name, format!("{value} does not suit `{}`", about.name));
            let fix = format!("it must be {}; the default is {}", number.must, number.default);
            return Err(Misfit::Setting { setting: format!("optimiser.options.{name}"), what, fix });
        }
        values.insert(number.name, value);
    }
    let is = |name: &str| values.get(name).is_some_and(|value| *value != 0.0);
    if about.name == "sgd" && is("nesterov") && (!is("momentum") || is("dampening")) {
        return Err(Misfit::Setting {
            setting: "optimiser.options.nesterov".to_owned(),
            what: "Nesterov's look ahead needs a momentum, and no dampening".to_owned(),
            fix: "set `momentum` above 0 and leave `dampening` at 0".to_owned(),
        });
    }
    match config.options.keys().find(|name| !values.contains_key(name.as_str())) {
        Some(unknown) => Err(no_number(about.name, unknown, &values)),
        None => Ok(Numbers { optimiser: about.name, values }),
    }
}

fn no_number(optimiser: &str, name: &str, known: &IndexMap<&'static str, f64>) -> Misfit {
    let all = || known.keys().copied();
    Misfit::Name {
        setting: format!("optimiser.options.{name}"),
        what: format!("`{optimiser}` has no such number"),
        fix: suggestion(name, all())
            .unwrap_or_else(|| format!("it has {}", all().collect::<Vec<_>>().join(", "))),
    }
}

/// The refusal of an optimiser that there is not.
pub fn no_optimiser(name: &str) -> Misfit {
    let names = || OPTIMISERS.iter().map(|about| about.name);
    Misfit::Setting {
        setting: "optimiser.name".to_owned(),
        what: format!("there is no optimiser `{name}`"),
        fix: suggestion(name, names())
            .unwrap_or_else(|| format!("there are {}", names().collect::<Vec<_>>().join(", "))),
    }
}
