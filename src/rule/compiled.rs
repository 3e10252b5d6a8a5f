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

impl Compiled {
    pub(super) fn new(text: &str) -> Result<Self, RuleError> {
        check::nesting(text)?;
        // What a configuration says must not end the program, whatever the parser makes of it.
        let parsed = catch_unwind(AssertUnwindSafe(|| ENVIRONMENT.compile(text)));
        let program = parsed
            .map_err(|_| RuleError::Syntax {
                line: 1,
                column: 1,
                message: "it cannot be parsed".to_owned(),
            })?
            .map_err(|errors| check::syntax(&errors))?;
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
