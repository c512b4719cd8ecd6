//! What jq's language has and jaq's has not, or has otherwise: a program is rewritten before it is compiled.
//!
//! - `$name` as a parameter of a definition defines the filter `name` too.
//! - If the update of `reduce` or `foreach` has several values or none, both go on with the last one or `null`.
//! - All terms that have paths can be updated, and an update changes nothing else.
//! - A long chain of `|` or `,` becomes a balanced tree, so that it does not need a part of the stack for each step.
//! - Regular expressions that are constants are compiled.

mod single;
mod tokens;

use std::fmt;

use jaq_core::load::lex::Token;
use jaq_core::load::parse::{BinaryOp, Def, Pattern, Term};
use jaq_core::path::{Opt, Part, Path};

use crate::natives::{BY_PATHS, LAST_OR_NULL, matching};
use crate::regexes::{Flags, Regexes};
use crate::syntax_tree::{Tree, literal, map_children, pipe};

pub(crate) use tokens::rename;
use tokens::{long_chain, rewrite_patterns};

/// The most levels of nested terms. Each one needs a part of the stack, to compile and to run.
const DEPTH_MAX: usize = 320;

/// The most steps of `|` in a row. The parser needs a part of the stack for each.
const CHAIN_MAX: usize = 1000;

/// A chain of so few steps stays as it is.
const SHORT_CHAIN_MAX: usize = 8;

/// A fault of a program: a part of its text, and what is wrong there.
pub(crate) type Fault<'p> = (&'p str, String);

/// Rewrites a program.
#[derive(Debug, Default)]
pub(crate) struct Language<'p> {
    /// The definitions of the program so far, which can have the name of another filter.
    defined: Vec<&'p str>,
    /// The filters that were called without arguments so far.
    called: Vec<&'p str>,
    /// The level of the current term.
    depth: usize,
    /// The last name before the current term, for messages.
    last_name: Option<&'p str>,
    is_too_deep: bool,
    regexes: Regexes,
    faults: Vec<Fault<'p>>,
}

impl<'p> Language<'p> {
    /// Changes a program before it is parsed.
    ///
    /// # Errors
    /// A chain of `|` that has too many steps for the stack of the parser.
    pub(crate) fn prepare(&mut self, tokens: &mut Vec<Token<&'p str>>) -> Result<(), Fault<'p>> {
        rewrite_patterns(tokens);
        match long_chain(tokens, CHAIN_MAX) {
            None => Ok(()),
            Some(step) => Err((
                step,
                format!(
                    "more than {CHAIN_MAX} steps of `|` are in a row; put parentheses around a part of them"
                ),
            )),
        }
    }

    /// Rewrites a program.
    pub(crate) fn rewrite(&mut self, program: Tree<'p>) -> Tree<'p> {
        self.term(program)
    }

    /// The regular expressions and the definitions of the program.
    ///
    /// # Errors
    /// The faults of the program.
    pub(crate) fn finish(self) -> Result<(Regexes, Vec<&'p str>), Vec<Fault<'p>>> {
        match self.faults.is_empty() {
            true => Ok((self.regexes, self.defined)),
            false => Err(self.faults),
        }
    }

    fn term(&mut self, term: Tree<'p>) -> Tree<'p> {
        if self.depth == DEPTH_MAX {
            self.fail_too_deep();
            return Term::Id;
        }
        self.depth += 1;
        let rewritten = match term {
            Term::BinOp(left, BinaryOp::Pipe(None), right) => self.pipes(*left, *right),
            Term::BinOp(left, BinaryOp::Comma, right) => self.commas(*left, *right),
            Term::Def(definitions, inner) => self.definitions(definitions, *inner),
            Term::Fold(..) => self.fold(term),
            Term::BinOp(left, operator, right) if is_update(&operator) && !is_plain(&left) => {
                let left = Box::new(Term::Call(BY_PATHS, vec![*left]));
                self.children(Term::BinOp(left, operator, right))
            }
            Term::Call(name, arguments) => self.call(name, arguments),
            other => self.children(other),
        };
        self.depth -= 1;
        rewritten
    }

    #[inline(never)]
    fn children(&mut self, term: Tree<'p>) -> Tree<'p> {
        map_children(term, &mut |child| self.term(child))
    }

    /// `a | b | c`, which is parsed as `a | (b | c)`.
    #[inline(never)]
    fn pipes(&mut self, left: Tree<'p>, mut right: Tree<'p>) -> Tree<'p> {
        let mut steps = vec![left];
        while let Term::BinOp(left, BinaryOp::Pipe(None), rest) = right {
            steps.push(*left);
            right = *rest;
        }
        steps.push(right);
        let steps = steps.into_iter().map(|step| self.term(step)).collect();
        match balanced(steps, &|| BinaryOp::Pipe(None)) {
            Ok(tree) => tree,
            Err(steps) => {
                let mut steps = steps.into_iter().rev();
                let last = steps.next().unwrap_or_default();
                steps.fold(last, |rest, step| pipe(step, rest))
            }
        }
    }

    /// `a, b, c`, which is parsed as `(a, b), c`.
    #[inline(never)]
    fn commas(&mut self, mut left: Tree<'p>, right: Tree<'p>) -> Tree<'p> {
        let mut steps = vec![right];
        while let Term::BinOp(rest, BinaryOp::Comma, right) = left {
            steps.push(*right);
            left = *rest;
        }
        steps.push(left);
        let steps = steps.into_iter().rev();
        let steps = steps.map(|step| self.term(step)).collect();
        match balanced(steps, &|| BinaryOp::Comma) {
            Ok(tree) => tree,
            Err(steps) => {
                let mut steps = steps.into_iter();
                let first = steps.next().unwrap_or_default();
                steps.fold(first, |rest, step| {
                    Term::BinOp(Box::new(rest), BinaryOp::Comma, Box::new(step))
                })
            }
        }
    }

    #[inline(never)]
    fn definitions(
        &mut self,
        definitions: Vec<Def<&'p str, Tree<'p>>>,
        inner: Tree<'p>,
    ) -> Tree<'p> {
        let mut rewritten = Vec::with_capacity(definitions.len());
        for definition in definitions {
            self.defined.push(definition.name);
            self.defined.extend(&definition.args);
            let calls_before = self.called.len();
            let body = self.term(definition.body);
            let called = self.called.get(calls_before..).unwrap_or_default();
            let (args, body) = with_filters(definition.args, body, called);
            rewritten.push(Def {
                name: definition.name,
                args,
                body,
            });
        }
        Term::Def(rewritten, Box::new(self.term(inner)))
    }

    #[inline(never)]
    fn fold(&mut self, term: Tree<'p>) -> Tree<'p> {
        match self.children(term) {
            Term::Fold("reduce", source, pattern, mut arguments) => {
                if let [_, update] = arguments.as_mut_slice()
                    && !self.is_single(update)
                {
                    *update = Term::Call(LAST_OR_NULL, vec![std::mem::take(update)]);
                }
                Term::Fold("reduce", source, pattern, arguments)
            }
            Term::Fold("foreach", source, pattern, arguments) => {
                let arguments = match arguments.as_slice() {
                    [_, update] | [_, update, _] if !self.is_single(update) => {
                        with_all_values(arguments)
                    }
                    _ => arguments,
                };
                Term::Fold("foreach", source, pattern, arguments)
            }
            other => other,
        }
    }

    #[inline(never)]
    fn call(&mut self, name: &'p str, arguments: Vec<Tree<'p>>) -> Tree<'p> {
        if name != BY_PATHS {
            self.last_name = Some(name);
        }
        if arguments.is_empty() {
            self.called.push(name);
        }
        if matching::NAMES.contains(&(name, arguments.len())) && !self.defined.contains(&name) {
            self.compile_regex(name, &arguments);
        }
        let arguments = arguments.into_iter();
        Term::Call(
            name,
            arguments.map(|argument| self.term(argument)).collect(),
        )
    }

    /// Compiles the regular expression of a call, if it and its flags are constants.
    fn compile_regex(&mut self, name: &'p str, arguments: &[Tree<'p>]) {
        let flags = match name {
            "sub" | "gsub" => arguments.get(2),
            _ => arguments.get(1),
        };
        let flags = match flags {
            None | Some(Term::Call("null", _)) => Some(String::new()),
            Some(flags) => literal(flags),
        };
        let pattern = arguments.first().and_then(literal);
        let Some((pattern, flags)) = pattern.zip(flags) else {
            return;
        };
        let flags = Flags::parse(&flags);
        let compiled = flags.and_then(|flags| self.regexes.add_constant(&pattern, flags));
        if let Err(why) = compiled {
            self.faults.push((name, why));
        }
    }

    /// Whether a term has exactly one value for each input, or an error.
    fn is_single(&self, term: &Tree<'p>) -> bool {
        single::is_single(term, &|name| self.defined.contains(&name))
    }

    #[cold]
    fn fail_too_deep(&mut self) {
        if !std::mem::replace(&mut self.is_too_deep, true) {
            let name = self.last_name.unwrap_or_default();
            self.faults.push((name, TooDeep.to_string()));
        }
    }
}

/// The message about a program whose terms are too deep.
struct TooDeep;

impl fmt::Display for TooDeep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "more than {DEPTH_MAX} terms are nested, as in `((a + b) + c) + d`; make definitions of parts, or use an array and `add` \
             for a long sum"
        )
    }
}

fn is_update(operator: &BinaryOp<&str>) -> bool {
    use BinaryOp::{Assign, Update, UpdateAlt, UpdateMath};
    matches!(operator, Assign | Update | UpdateAlt | UpdateMath(_))
}

/// Whether an update of a term in jaq's way is the same and quicker: indexes of which none can fail or lead nowhere.
fn is_plain(term: &Tree<'_>) -> bool {
    match term {
        Term::Id | Term::Recurse => true,
        Term::Path(inner, path) => {
            let mut parts = path.0.iter();
            is_plain(inner) && parts.all(|(_, opt)| matches!(opt, Opt::Essential))
        }
        Term::BinOp(left, BinaryOp::Pipe(None) | BinaryOp::Comma, right) => {
            is_plain(left) && is_plain(right)
        }
        _ => false,
    }
}

/// A balanced tree of many steps, or the steps if they are few.
fn balanced<'p>(
    steps: Vec<Tree<'p>>,
    operator: &dyn Fn() -> BinaryOp<&'p str>,
) -> Result<Tree<'p>, Vec<Tree<'p>>> {
    fn tree<'p>(
        steps: &mut std::vec::IntoIter<Tree<'p>>,
        count: usize,
        operator: &dyn Fn() -> BinaryOp<&'p str>,
    ) -> Tree<'p> {
        if count <= 1 {
            return steps.next().unwrap_or_default();
        }
        let left = tree(steps, count / 2, operator);
        let right = tree(steps, count - count / 2, operator);
        Term::BinOp(Box::new(left), operator(), Box::new(right))
    }
    match steps.len() <= SHORT_CHAIN_MAX {
        true => Err(steps),
        false => {
            let count = steps.len();
            Ok(tree(&mut steps.into_iter(), count, operator))
        }
    }
}

/// A definition whose body calls a parameter `$name` as the filter `name`: it has the parameter `name`, and binds its values.
fn with_filters<'p>(
    mut parameters: Vec<&'p str>,
    mut body: Tree<'p>,
    called: &[&str],
) -> (Vec<&'p str>, Tree<'p>) {
    for parameter in parameters.iter_mut().rev() {
        let variable = *parameter;
        let name = variable.strip_prefix('$');
        if let Some(name) = name.filter(|name| called.contains(name)) {
            *parameter = name;
            let filter = Term::Call(name, Vec::new());
            let bind = BinaryOp::Pipe(Some(Pattern::Var(variable)));
            body = Term::BinOp(Box::new(filter), bind, Box::new(body));
        }
    }
    (parameters, body)
}

/// The arguments of `foreach` with all values of its update: the state is an array of them, of which the next update gets the
/// last one. Of none, that is `null`.
fn with_all_values(arguments: Vec<Tree<'_>>) -> Vec<Tree<'_>> {
    let mut arguments = arguments.into_iter();
    let mut next = || arguments.next().unwrap_or_default();
    let (init, update) = (next(), next());
    let part = |part| Term::Path(Box::new(Term::Id), Path(vec![(part, Opt::Essential)]));
    let last = part(Part::Index(Term::Neg(Box::new(Term::Num("1")))));
    let array = |inner| Term::Arr(Some(Box::new(inner)));
    let each = pipe(part(Part::Range(None, None)), next());
    vec![pipe(init, array(Term::Id)), array(pipe(last, update)), each]
}

#[cfg(test)]
mod tests;
