//! Rewrites a program so that it calls the filters of its members and objects.

use jaq_core::load::lex::StrPart;
use jaq_core::load::parse::{BinaryOp, Def, Term};
use jaq_core::path::{Opt, Part, Path};

use super::Shortcuts;

/// An object with more members is made as before.
const MEMBERS_MAX: usize = 16;

pub(super) fn term<'p>(program: Term<&'p str>, names: &mut Shortcuts) -> Term<&'p str> {
    match program {
        Term::Path(inner, path) => path_term(*inner, path, names),
        Term::Obj(members) => object(members, names),
        Term::Str(format, parts) => {
            let parts = parts.into_iter().map(|part| match part {
                StrPart::Term(inner) => StrPart::Term(term(inner, names)),
                other => other,
            });
            Term::Str(format, parts.collect())
        }
        Term::Arr(inner) => Term::Arr(inner.map(|inner| boxed(*inner, names))),
        Term::Neg(inner) => Term::Neg(boxed(*inner, names)),
        Term::BinOp(left, operator, right) => {
            Term::BinOp(boxed(*left, names), operator, boxed(*right, names))
        }
        Term::Label(label, inner) => Term::Label(label, boxed(*inner, names)),
        Term::Fold(name, source, pattern, arguments) => {
            let source = boxed(*source, names);
            Term::Fold(name, source, pattern, terms(arguments, names))
        }
        Term::TryCatch(inner, catch) => {
            let inner = boxed(*inner, names);
            Term::TryCatch(inner, catch.map(|catch| boxed(*catch, names)))
        }
        Term::IfThenElse(branches, other) => {
            let branches = branches.into_iter();
            let branches = branches.map(|(condition, then)| {
                let condition = term(condition, names);
                (condition, term(then, names))
            });
            let branches = branches.collect();
            Term::IfThenElse(branches, other.map(|other| boxed(*other, names)))
        }
        Term::Def(definitions, inner) => {
            let definitions = definitions.into_iter().map(|definition| Def {
                body: term(definition.body, names),
                ..definition
            });
            let definitions = definitions.collect();
            Term::Def(definitions, boxed(*inner, names))
        }
        Term::Call(name, arguments) => Term::Call(name, terms(arguments, names)),
        other @ (Term::Id | Term::Recurse | Term::Num(_) | Term::Break(_) | Term::Var(_)) => other,
    }
}

fn boxed<'p>(inner: Term<&'p str>, names: &mut Shortcuts) -> Box<Term<&'p str>> {
    Box::new(term(inner, names))
}

fn terms<'p>(all: Vec<Term<&'p str>>, names: &mut Shortcuts) -> Vec<Term<&'p str>> {
    all.into_iter().map(|inner| term(inner, names)).collect()
}

/// `f.a.b` becomes `f | a | b`, if all parts are names. Other indexes are evaluated for the input of the whole path, so such
/// a path stays as it is.
fn path_term<'p>(
    inner: Term<&'p str>,
    Path(parts): Path<Term<&'p str>>,
    names: &mut Shortcuts,
) -> Term<&'p str> {
    let inner = term(inner, names);
    let filters: Option<Vec<_>> = parts.iter().map(|part| part_filter(part, names)).collect();
    let Some(filters) = filters else {
        let parts = parts.into_iter();
        let parts = parts.map(|(part, opt)| (part_of_terms(part, names), opt));
        return Term::Path(Box::new(inner), Path(parts.collect()));
    };
    let calls = filters
        .into_iter()
        .map(|filter| Term::Call(filter, Vec::new()));
    calls.fold(inner, |path, call| match path {
        Term::Id => call,
        path => Term::BinOp(Box::new(path), BinaryOp::Pipe(None), Box::new(call)),
    })
}

/// The filter of a part such as `.a`.
fn part_filter(
    (part, opt): &(Part<Term<&str>>, Opt),
    names: &mut Shortcuts,
) -> Option<&'static str> {
    match (part, opt) {
        (Part::Index(index), Opt::Essential) => names.member_filter(constant(index)?),
        _ => None,
    }
}

fn part_of_terms<'p>(part: Part<Term<&'p str>>, names: &mut Shortcuts) -> Part<Term<&'p str>> {
    match part {
        Part::Index(index) => Part::Index(term(index, names)),
        Part::Range(from, to) => {
            let from = from.map(|from| term(from, names));
            Part::Range(from, to.map(|to| term(to, names)))
        }
    }
}

/// The text of a literal without escapes and other parts.
fn constant<'p>(literal: &Term<&'p str>) -> Option<&'p str> {
    match literal {
        Term::Str(None, parts) => match parts.as_slice() {
            [] => Some(""),
            [StrPart::Str(text)] => Some(text),
            _ => None,
        },
        _ => None,
    }
}

type Member<'p> = (Term<&'p str>, Option<Term<&'p str>>);

/// An object whose names are all constant becomes a call of its filter with its values.
fn object<'p>(members: Vec<Member<'p>>, names: &mut Shortcuts) -> Term<&'p str> {
    let fixed: Option<Vec<_>> = members.iter().map(fixed_name).collect();
    let fixed = fixed.filter(|fixed| (1..=MEMBERS_MAX).contains(&fixed.len()));
    let values: Option<Vec<_>> = members
        .iter()
        .map(|member| value_of(member, names))
        .collect();
    let calls = fixed.zip(values).and_then(|(fixed, values)| {
        let filter = names.object_filter(fixed.into_iter().map(Into::into).collect())?;
        Some((filter, values))
    });
    match calls {
        Some((filter, values)) => Term::Call(filter, terms(values, names)),
        None => {
            let members = members.into_iter();
            let members = members.map(|(name, value)| {
                let name = term(name, names);
                (name, value.map(|value| term(value, names)))
            });
            Term::Obj(members.collect())
        }
    }
}

/// The name of a member that does not depend on the input: `a`, `"a"`, or `$a`.
fn fixed_name<'p>((name, value): &Member<'p>) -> Option<&'p str> {
    match (name, value) {
        (Term::Var(variable), None) => variable.strip_prefix('$'),
        (name, _) => constant(name),
    }
}

/// The value of a member, which can be left out: `{a}` is `{a: .a}`, and `{$a}` is `{a: $a}`.
fn value_of<'p>((name, value): &Member<'p>, names: &mut Shortcuts) -> Option<Term<&'p str>> {
    match (name, value) {
        (_, Some(value)) => Some(value.clone()),
        (Term::Var(variable), None) => Some(Term::Var(variable)),
        (name, None) => {
            let filter = names.member_filter(constant(name)?)?;
            Some(Term::Call(filter, Vec::new()))
        }
    }
}
