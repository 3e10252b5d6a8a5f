//! What is checked of a rule before any request comes: its names, its size, and that it can be true.

use cel::{
    IdedExpr, ParseErrors, Program,
    common::ast::{
        CallExpr, ComprehensionExpr, EntryExpr, Expr, LiteralValue, SourceInfo, operators,
    },
};

use super::{
    MAX_DEPTH, MAX_NODES, RuleError,
    names::{CONVERSIONS, IDENTITY, OF_TEXTS, OPERATORS, REQUEST, TYPES, can_be_bool},
    needs::Needs,
};

struct Checker<'p> {
    info: &'p SourceInfo,
    text: &'p str,
    needs: Needs,
    nodes: usize,
    /// The variables of comprehensions around.
    scope: Vec<&'p str>,
    /// Whether this is evaluated for each element of something.
    repeated: bool,
}

/// Refuses what would nest too deep for the parser.
pub(super) fn nesting(text: &str) -> Result<(), RuleError> {
    let mut depth: usize = 0;
    for byte in text.bytes() {
        match byte {
            b'(' | b'[' | b'{' | b'?' => depth += 1,
            b')' | b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > MAX_DEPTH {
            return Err(RuleError::TooLarge);
        }
    }
    Ok(())
}

/// The first of the parser's errors.
pub(super) fn syntax(errors: &ParseErrors) -> RuleError {
    let place = |number: isize| usize::try_from(number).unwrap_or_default().max(1);
    let first = errors.errors.first();
    let (line, column) = first.map_or((1, 1), |error| error.pos);
    let message = first.map_or("it cannot be parsed", |error| error.msg.as_str());
    RuleError::Syntax {
        line: place(line),
        column: place(column),
        message: message.to_owned(),
    }
}

/// What a rule looks at, if it is one.
pub(super) fn check(program: &Program, text: &str) -> Result<Needs, RuleError> {
    let mut checker = Checker {
        info: program.source_info(),
        text,
        needs: Needs::default(),
        nodes: 0,
        scope: Vec::new(),
        repeated: false,
    };
    let root = program.expression();
    checker.node(root, 0)?;
    if !can_be_bool(root) {
        return Err(checker.wrong(root, "a rule is true or false, and this is neither"));
    }
    Ok(checker.needs)
}

impl<'p> Checker<'p> {
    fn node(&mut self, node: &'p IdedExpr, depth: usize) -> Result<(), RuleError> {
        self.nodes += 1;
        if depth > MAX_DEPTH || self.nodes > MAX_NODES {
            return Err(RuleError::TooLarge);
        }
        let depth = depth + 1;
        match &node.expr {
            Expr::Literal(_) => Ok(()),
            Expr::Ident(name) => self.name(node, name),
            Expr::Select(select) => {
                if self.field(node, &select.operand, &select.field)? {
                    return Ok(());
                }
                self.node(&select.operand, depth)
            }
            Expr::Call(call) => self.call(node, call, depth),
            Expr::List(list) => self.nodes(&list.elements, depth),
            Expr::Map(map) => map.entries.iter().try_for_each(|entry| match &entry.expr {
                EntryExpr::MapEntry(entry) => {
                    self.node(&entry.key, depth)?;
                    self.node(&entry.value, depth)
                }
                EntryExpr::StructField(_) => Err(self.wrong(node, "messages are not supported")),
            }),
            Expr::Comprehension(comprehension) => self.comprehension(node, comprehension, depth),
            Expr::Struct(_) => Err(self.wrong(node, "messages are not supported")),
            Expr::Unspecified => Err(self.wrong(node, "an expression is missing")),
        }
    }

    fn nodes(&mut self, nodes: &'p [IdedExpr], depth: usize) -> Result<(), RuleError> {
        nodes.iter().try_for_each(|node| self.node(node, depth))
    }

    fn name(&mut self, node: &IdedExpr, name: &'p str) -> Result<(), RuleError> {
        match name {
            name if self.scope.contains(&name) => {}
            "claims" => self.needs.claims.add(None),
            "request" => self.needs.request.add(None),
            "identity" => self.needs.identity.add(None),
            name if TYPES.contains(&name) => {}
            name => {
                let message =
                    format!("unknown variable \"{name}\": there are claims, identity and request");
                return Err(self.wrong(node, message));
            }
        }
        Ok(())
    }

    /// Whether this is a field of one of the variables; then it is one that there is.
    fn field(
        &mut self,
        node: &IdedExpr,
        operand: &IdedExpr,
        field: &str,
    ) -> Result<bool, RuleError> {
        let Expr::Ident(variable) = &operand.expr else {
            return Ok(false);
        };
        if self.scope.contains(&variable.as_str()) {
            return Ok(false);
        }
        let (fields, known) = match variable.as_str() {
            "claims" => (&mut self.needs.claims, None),
            "request" => (&mut self.needs.request, Some(REQUEST)),
            "identity" => (&mut self.needs.identity, Some(IDENTITY)),
            _ => return Ok(false),
        };
        if let Some(known) = known.filter(|known| !known.contains(&field)) {
            let known = known.join(", ");
            let message = format!("{variable} has no \"{field}\": it has {known}");
            return Err(self.wrong(node, message));
        }
        fields.add(Some(field));
        Ok(true)
    }

    fn call(&mut self, node: &IdedExpr, call: &'p CallExpr, depth: usize) -> Result<(), RuleError> {
        let name = call.func_name.as_str();
        let target = call.target.as_deref();
        let known = match (target.is_some(), call.args.len()) {
            (false, 1) if CONVERSIONS.contains(&name) => true,
            (true, 0) => name == "size",
            (true, 1) => OF_TEXTS.contains(&name),
            (true, _) => false,
            (false, _) => OPERATORS.contains(&name),
        };
        if !known {
            let message = format!(
                "no function \"{name}\" is for this: there are {}, and {} behind a text and a dot",
                CONVERSIONS.join(", "),
                OF_TEXTS.join(", ")
            );
            return Err(self.wrong(node, message));
        }
        if name == operators::INDEX
            && let [operand, index] = call.args.as_slice()
            && let Expr::Literal(LiteralValue::String(field)) = &index.expr
            && self.field(node, operand, field.inner())?
        {
            return Ok(());
        }
        if let Some(target) = target {
            self.node(target, depth)?;
        }
        self.nodes(&call.args, depth)
    }

    /// A comprehension inside of another would cost the square of what a stranger may send.
    fn comprehension(
        &mut self,
        node: &IdedExpr,
        comprehension: &'p ComprehensionExpr,
        depth: usize,
    ) -> Result<(), RuleError> {
        if self.repeated {
            return Err(self.wrong(node, "all, exists, exists_one, filter and map do not nest"));
        }
        self.node(&comprehension.iter_range, depth)?;
        self.node(&comprehension.accu_init, depth)?;
        let around = self.scope.len();
        self.scope.push(&comprehension.iter_var);
        self.scope.extend(comprehension.iter_var2.as_deref());
        self.scope.push(&comprehension.accu_var);
        self.repeated = true;
        self.node(&comprehension.loop_cond, depth)?;
        self.node(&comprehension.loop_step, depth)?;
        self.repeated = false;
        self.node(&comprehension.result, depth)?;
        self.scope.truncate(around);
        Ok(())
    }

    fn wrong(&self, node: &IdedExpr, message: impl Into<String>) -> RuleError {
        let start = self.info.offset_for(node.id).map_or(0, |(start, _)| start);
        let start = usize::try_from(start).unwrap_or_default();
        let before: String = self.text.chars().take(start).collect();
        let line = before.rsplit('\n').next().unwrap_or_default();
        RuleError::Wrong {
            line: before.matches('\n').count() + 1,
            column: line.chars().count() + 1,
            message: message.into(),
        }
    }
}
