//! The names that a rule may use, and which of them can be true.

use cel::{
    IdedExpr,
    common::ast::{Expr, LiteralValue, operators},
};

/// The fields of `request` and of `identity`; claims have any names.
pub(super) const REQUEST: &[&str] = &[
    "method",
    "path",
    "host",
    "headers",
    "query",
    "remote_address",
    "params",
];
pub(super) const IDENTITY: &[&str] = &["subject", "issuer", "realm", "groups", "scopes"];

/// Types are values of the language: `type(claims.exp) == int`.
pub(super) const TYPES: &[&str] = &[
    "bool",
    "bytes",
    "double",
    "int",
    "list",
    "map",
    "null_type",
    "string",
    "type",
    "uint",
];

/// Functions of one argument, which can stand before a dot for some.
pub(super) const CONVERSIONS: &[&str] = &[
    "size", "string", "int", "uint", "double", "bytes", "type", "dyn",
];
pub(super) const OF_TEXTS: &[&str] = &["contains", "startsWith", "endsWith"];

pub(super) const OPERATORS: &[&str] = &[
    operators::CONDITIONAL,
    operators::LOGICAL_AND,
    operators::LOGICAL_OR,
    operators::LOGICAL_NOT,
    operators::SUBSTRACT,
    operators::ADD,
    operators::MULTIPLY,
    operators::DIVIDE,
    operators::MODULO,
    operators::EQUALS,
    operators::NOT_EQUALS,
    operators::GREATER_EQUALS,
    operators::LESS_EQUALS,
    operators::GREATER,
    operators::LESS,
    operators::NEGATE,
    operators::INDEX,
    operators::IN,
    operators::NOT_STRICTLY_FALSE,
];

/// Of these, the ones whose outcome is true or false.
pub(super) const PREDICATES: &[&str] = &[
    operators::LOGICAL_AND,
    operators::LOGICAL_OR,
    operators::LOGICAL_NOT,
    operators::EQUALS,
    operators::NOT_EQUALS,
    operators::GREATER_EQUALS,
    operators::LESS_EQUALS,
    operators::GREATER,
    operators::LESS,
    operators::IN,
    operators::NOT_STRICTLY_FALSE,
];

/// Whether an expression may turn out to be true; of what comes from a request nobody knows.
pub(super) fn can_be_bool(node: &IdedExpr) -> bool {
    match &node.expr {
        Expr::Literal(literal) => matches!(literal, LiteralValue::Boolean(_)),
        Expr::Ident(name) => !TYPES.contains(&name.as_str()) && !is_variable(name),
        Expr::Select(select) => match &select.operand.expr {
            // Of the fields of these variables none is a boolean.
            Expr::Ident(variable) => {
                select.test || !matches!(variable.as_str(), "request" | "identity")
            }
            _ => true,
        },
        Expr::Call(call) => match call.func_name.as_str() {
            operators::CONDITIONAL => call.args.iter().skip(1).all(can_be_bool),
            operators::INDEX | "dyn" => true,
            name => PREDICATES.contains(&name) || OF_TEXTS.contains(&name),
        },
        // `map` and `filter` begin with a list.
        Expr::Comprehension(comprehension) => {
            !matches!(comprehension.accu_init.expr, Expr::List(_) | Expr::Map(_))
        }
        Expr::List(_) | Expr::Map(_) | Expr::Struct(_) | Expr::Unspecified => false,
    }
}

fn is_variable(name: &str) -> bool {
    matches!(name, "claims" | "request" | "identity")
}
