//! What a kernel answers when its operands do not fit each other.

/// Operands of shapes that do not go together. Whoever plans a program has checked shapes before, so this is a mistake
/// of the planner, not of an author.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what}: {given} where {needed} is needed")]
pub struct Mismatch {
    /// Which operand, and of what.
    pub what: &'static str,
    /// What it is.
    pub given: String,
    /// What it must be.
    pub needed: String,
}

/// Refuses `given` unless it is `needed`.
pub(crate) fn same<T: PartialEq + std::fmt::Debug>(
    what: &'static str,
    given: T,
    needed: T,
) -> Result<(), Mismatch> {
    if given == needed {
        return Ok(());
    }
    Err(Mismatch { what, given: format!("{given:?}"), needed: format!("{needed:?}") })
}

/// Refuses `given` below `needed`.
pub(crate) fn at_least(what: &'static str, given: usize, needed: usize) -> Result<(), Mismatch> {
    if given >= needed {
        return Ok(());
    }
    Err(Mismatch { what, given: given.to_string(), needed: format!("at least {needed}") })
}
