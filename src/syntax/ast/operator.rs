//! Operators, and the words that stand before axes.

/// The words that name axes in calls and parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clause {
    /// What is reduced or run over.
    Over,
    /// What is set against each other.
    Between,
    /// A further axis that is worked along.
    Along,
    /// The axis that is made.
    Into,
}

impl Clause {
    /// The clause of a word that the grammar took for one.
    pub(in crate::syntax) fn of(word: &str) -> Clause {
        match word.trim() {
            "between" => Clause::Between,
            "along" => Clause::Along,
            "into" => Clause::Into,
            _ => Clause::Over,
        }
    }

    /// The word as written.
    pub fn word(self) -> &'static str {
        match self {
            Clause::Over => "over",
            Clause::Between => "between",
            Clause::Along => "along",
            Clause::Into => "into",
        }
    }
}

/// Operators before an expression.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnaryOp {
    /// `-x`
    Neg,
    /// `not x`
    Not,
}

/// Operators between two expressions, weakest binding first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BinaryOp {
    /// `or`
    Or,
    /// `and`
    And,
    /// `<=`
    Le,
    /// `>=`
    Ge,
    /// `==`
    Eq,
    /// `!=`
    Ne,
    /// `<`
    Lt,
    /// `>`
    Gt,
    /// `+`
    Add,
    /// `-`
    Sub,
    /// `*`
    Mul,
    /// `/`
    Div,
    /// `^`
    Pow,
}

impl BinaryOp {
    /// The operator as written.
    pub fn symbol(self) -> &'static str {
        match self {
            BinaryOp::Or => "or",
            BinaryOp::And => "and",
            BinaryOp::Le => "<=",
            BinaryOp::Ge => ">=",
            BinaryOp::Eq => "==",
            BinaryOp::Ne => "!=",
            BinaryOp::Lt => "<",
            BinaryOp::Gt => ">",
            BinaryOp::Add => "+",
            BinaryOp::Sub => "-",
            BinaryOp::Mul => "*",
            BinaryOp::Div => "/",
            BinaryOp::Pow => "^",
        }
    }
}
