//! Walks through the syntax tree of a program.

use jaq_core::load::lex::StrPart;
use jaq_core::load::parse::{BinaryOp, Def, Pattern, Term};
use jaq_core::path::{Part, Path};

/// A term of a program.
pub(crate) type Tree<'p> = Term<&'p str>;

/// The same term with each term directly below it replaced by what `f` makes of it.
pub(crate) fn map_children<'p>(
    tree: Tree<'p>,
    f: &mut dyn FnMut(Tree<'p>) -> Tree<'p>,
) -> Tree<'p> {
    match tree {
        Term::Path(inner, Path(parts)) => {
            let inner = boxed(*inner, f);
            let parts = parts.into_iter();
            let parts = parts.map(|(part, opt)| (map_part(part, f), opt));
            Term::Path(inner, Path(parts.collect()))
        }
        Term::Obj(members) => {
            let members = members.into_iter();
            let members = members.map(|(name, value)| (f(name), value.map(&mut *f)));
            Term::Obj(members.collect())
        }
        Term::Str(format, parts) => {
            let parts = parts.into_iter().map(|part| match part {
                StrPart::Term(inner) => StrPart::Term(f(inner)),
                other => other,
            });
            Term::Str(format, parts.collect())
        }
        Term::Arr(inner) => Term::Arr(inner.map(|inner| boxed(*inner, f))),
        Term::Neg(inner) => Term::Neg(boxed(*inner, f)),
        Term::BinOp(left, operator, right) => {
            let left = boxed(*left, f);
            let operator = match operator {
                BinaryOp::Pipe(pattern) => {
                    BinaryOp::Pipe(pattern.map(|pattern| map_pattern(pattern, f)))
                }
                other => other,
            };
            Term::BinOp(left, operator, boxed(*right, f))
        }
        Term::Label(label, inner) => Term::Label(label, boxed(*inner, f)),
        Term::Fold(name, source, pattern, arguments) => {
            let source = boxed(*source, f);
            let pattern = map_pattern(pattern, f);
            Term::Fold(
                name,
                source,
                pattern,
                arguments.into_iter().map(f).collect(),
            )
        }
        Term::TryCatch(inner, catch) => {
            let inner = boxed(*inner, f);
            Term::TryCatch(inner, catch.map(|catch| boxed(*catch, f)))
        }
        Term::IfThenElse(branches, other) => {
            let branches = branches.into_iter();
            let branches = branches.map(|(condition, then)| (f(condition), f(then)));
            let branches = branches.collect();
            Term::IfThenElse(branches, other.map(|other| boxed(*other, f)))
        }
        Term::Def(definitions, inner) => {
            let definitions = definitions.into_iter().map(|definition| Def {
                body: f(definition.body),
                ..definition
            });
            let definitions = definitions.collect();
            Term::Def(definitions, boxed(*inner, f))
        }
        Term::Call(name, arguments) => Term::Call(name, arguments.into_iter().map(f).collect()),
        other @ (Term::Id | Term::Recurse | Term::Num(_) | Term::Break(_) | Term::Var(_)) => other,
    }
}

fn boxed<'p>(
    inner: Tree<'p>,
    f: &mut (impl FnMut(Tree<'p>) -> Tree<'p> + ?Sized),
) -> Box<Tree<'p>> {
    Box::new(f(inner))
}

fn map_part<'p>(
    part: Part<Tree<'p>>,
    f: &mut (impl FnMut(Tree<'p>) -> Tree<'p> + ?Sized),
) -> Part<Tree<'p>> {
    match part {
        Part::Index(index) => Part::Index(f(index)),
        Part::Range(from, to) => {
            let from = from.map(&mut *f);
            Part::Range(from, to.map(f))
        }
    }
}

/// The names in a pattern can be computed.
fn map_pattern<'p>(
    pattern: Pattern<&'p str>,
    f: &mut dyn FnMut(Tree<'p>) -> Tree<'p>,
) -> Pattern<&'p str> {
    match pattern {
        Pattern::Var(name) => Pattern::Var(name),
        Pattern::Arr(items) => {
            let items = items.into_iter();
            Pattern::Arr(items.map(|item| map_pattern(item, f)).collect())
        }
        Pattern::Obj(members) => {
            let members = members.into_iter();
            let members = members.map(|(name, pattern)| (f(name), map_pattern(pattern, f)));
            Pattern::Obj(members.collect())
        }
    }
}

/// A term behind another one: `left | right`.
pub(crate) fn pipe<'p>(left: Tree<'p>, right: Tree<'p>) -> Tree<'p> {
    Term::BinOp(Box::new(left), BinaryOp::Pipe(None), Box::new(right))
}

/// The text of a literal that has no computed parts.
pub(crate) fn literal(tree: &Tree<'_>) -> Option<String> {
    let Term::Str(None, parts) = tree else {
        return None;
    };
    parts.iter().try_fold(String::new(), |mut text, part| {
        match part {
            StrPart::Str(part) => text.push_str(part),
            StrPart::Char(c) => text.push(*c),
            StrPart::Term(_) => return None,
        }
        Some(text)
    })
}
