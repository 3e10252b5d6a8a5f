//! A rule as the interpreter takes it.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, LazyLock},
};

use cel::{Context, Env, ExecutionError, Program, Value};

use super::{Failure, Inputs, RuleError, check, input, needs::Needs};

/// A rule that was checked, and what it looks at.
#[derive(Debug)]
pub(super) struct Compiled {
    program: Program,
    needs: Needs,
}

/// The functions and macros of the language's standard, without optional values.
static ENVIRONMENT: LazyLock<Arc<Env>> =
    LazyLock::new(|| Arc::new(Env::stdlib().with_optional_support(false)));

/// In bytes. Only what is used of it is ever taken.
const PARSER_STACK: usize = 64 << 20;

impl Compiled {
    pub(super) fn new(text: &str) -> Result<Self, RuleError> {
        let program = parse(text)?;
        let needs = check::check(&program, text)?;
        Ok(Self { program, needs })
    }

    pub(super) fn check(&self, inputs: &Inputs<'_>) -> Result<(), Failure> {
        let variables = input::variables(inputs, &self.needs)?;
        let evaluate = || {
            let mut context = Context::with_env(Arc::clone(&ENVIRONMENT));
            for (name, value) in variables {
                context.add_variable_from_value(name, value);
            }
            self.program.execute(&context)
        };
        // A mistake in the interpreter refuses this request, and goes no further.
        match catch_unwind(AssertUnwindSafe(evaluate)) {
            Ok(Ok(Value::Bool(true))) => Ok(()),
            Ok(Ok(Value::Bool(false))) => Err(Failure::False),
            Ok(Ok(_)) => Err(Failure::NotBoolean),
            Ok(Err(error)) => Err(failure(&error)),
            Err(_) => Err(Failure::Other),
        }
    }
}

/// Parses on a thread of its own: the parser calls itself for each link of a chain, and needs more
/// stack for the longest rule than a thread has. What a configuration says must not end the program.
fn parse(text: &str) -> Result<Program, RuleError> {
    check::nesting(text)?;
    std::thread::scope(|scope| {
        let parsed = std::thread::Builder::new()
            .stack_size(PARSER_STACK)
            .spawn_scoped(scope, || ENVIRONMENT.compile(text));
        match parsed.map(std::thread::ScopedJoinHandle::join) {
            Ok(Ok(parsed)) => parsed.map_err(|errors| check::syntax(&errors)),
            Ok(Err(_)) | Err(_) => Err(RuleError::Parser),
        }
    })
}

/// The error's own text may hold values, so only its kind is told.
const fn failure(error: &ExecutionError) -> Failure {
    match error {
        ExecutionError::NoSuchKey(_)
        | ExecutionError::UndeclaredReference(_)
        | ExecutionError::IndexOutOfBounds(_) => Failure::Missing,
        ExecutionError::UnexpectedType { .. }
        | ExecutionError::NoSuchOverload(_)
        | ExecutionError::UnsupportedTargetType { .. }
        | ExecutionError::NotSupportedAsMethod { .. }
        | ExecutionError::UnsupportedKeyType(_)
        | ExecutionError::ValuesNotComparable(..)
        | ExecutionError::UnsupportedBinaryOperator(..)
        | ExecutionError::UnsupportedIndex(..) => Failure::Type,
        _ => Failure::Other,
    }
}
