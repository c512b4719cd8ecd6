//! Rewrites a program so that it calls the filters of its members and objects.

use jaq_core::load::lex::StrPart;
use jaq_core::load::parse::Term;
use jaq_core::path::{Opt, Part, Path};

use super::Shortcuts;
use crate::syntax_tree::{Tree, map_children, pipe};

/// An object with more members is made as before.
const MEMBERS_MAX: usize = 16;

pub(super) fn term<'p>(program: Tree<'p>, names: &mut Shortcuts) -> Tree<'p> {
    match program {
        Term::Path(inner, path) => path_term(*inner, path, names),
        Term::Obj(members) => object(members, names),
        other => map_children(other, &mut |child| term(child, names)),
    }
}

fn terms<'p>(all: Vec<Tree<'p>>, names: &mut Shortcuts) -> Vec<Tree<'p>> {
    all.into_iter().map(|inner| term(inner, names)).collect()
}

/// `f.a.b` becomes `f | a | b`, if all parts are names. Other indexes are evaluated for the input of the whole path, so such
/// a path stays as it is.
fn path_term<'p>(inner: Tree<'p>, Path(parts): Path<Tree<'p>>, names: &mut Shortcuts) -> Tree<'p> {
    let inner = term(inner, names);
    let filters: Option<Vec<_>> = parts.iter().map(|part| part_filter(part, names)).collect();
    let Some(filters) = filters else {
        let mut part = |child| term(child, names);
        // The inner term is rewritten already.
        let path = map_children(Term::Path(Box::default(), Path(parts)), &mut part);
        return match path {
            Term::Path(_, parts) => Term::Path(Box::new(inner), parts),
            other => other,
        };
    };
    let calls = filters
        .into_iter()
        .map(|filter| Term::Call(filter, Vec::new()));
    calls.fold(inner, |path, call| match path {
        Term::Id => call,
        path => pipe(path, call),
    })
}

/// The filter of a part such as `.a`.
fn part_filter((part, opt): &(Part<Tree<'_>>, Opt), names: &mut Shortcuts) -> Option<&'static str> {
    match (part, opt) {
        (Part::Index(index), Opt::Essential) => names.member_filter(constant(index)?),
        _ => None,
    }
}

/// The text of a literal without escapes and other parts.
fn constant<'p>(literal: &Tree<'p>) -> Option<&'p str> {
    match literal {
        Term::Str(None, parts) => match parts.as_slice() {
            [] => Some(""),
            [StrPart::Str(text)] => Some(text),
            _ => None,
        },
        _ => None,
    }
}

type Member<'p> = (Tree<'p>, Option<Tree<'p>>);

/// An object whose names are all constant becomes a call of its filter with its values.
fn object<'p>(members: Vec<Member<'p>>, names: &mut Shortcuts) -> Tree<'p> {
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
        None => map_children(Term::Obj(members), &mut |child| term(child, names)),
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
fn value_of<'p>((name, value): &Member<'p>, names: &mut Shortcuts) -> Option<Tree<'p>> {
    match (name, value) {
        (_, Some(value)) => Some(value.clone()),
        (Term::Var(variable), None) => Some(Term::Var(variable)),
        (name, None) => {
            let filter = names.member_filter(constant(name)?)?;
            Some(Term::Call(filter, Vec::new()))
        }
    }
}
