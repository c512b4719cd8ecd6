//! Whether a term has exactly one value.

use jaq_core::load::lex::StrPart;
use jaq_core::load::parse::{BinaryOp, Pattern, Term};
use jaq_core::path::{Opt, Part};

use crate::syntax_tree::Tree;

/// Filters that have one value whatever their arguments are.
const ALWAYS: &[&str] = &[
    "all",
    "any",
    "del",
    "group_by",
    "isempty",
    "map",
    "map_values",
    "max_by",
    "min_by",
    "sort_by",
    "unique_by",
    "with_entries",
];

/// Filters that have one value if each argument has one.
const IF_ARGUMENTS: &[&str] = &[
    "abs",
    "add",
    "ascii_downcase",
    "ascii_upcase",
    "ceil",
    "contains",
    "delpaths",
    "endswith",
    "error",
    "explode",
    "fabs",
    "false",
    "flatten",
    "floor",
    "from_entries",
    "fromdate",
    "fromjson",
    "getpath",
    "gmtime",
    "has",
    "implode",
    "index",
    "indices",
    "inside",
    "join",
    "keys",
    "keys_unsorted",
    "length",
    "log",
    "log2",
    "ltrimstr",
    "max",
    "min",
    "mktime",
    "not",
    "null",
    "pow",
    "reverse",
    "rindex",
    "round",
    "rtrimstr",
    "setpath",
    "sort",
    "split",
    "sqrt",
    "startswith",
    "strftime",
    "strptime",
    "test",
    "to_entries",
    "toarray",
    "toboolean",
    "todate",
    "tojson",
    "tonumber",
    "tostring",
    "transpose",
    "trim",
    "true",
    "trunc",
    "type",
    "unique",
    "utf8bytelength",
];

/// Filters that have one value without arguments.
const WITHOUT_ARGUMENTS: &[&str] = &["first", "last"];

/// Whether a term has exactly one value for each input, or an error. Of filters that are not known, it is not assumed.
pub(super) fn is_single(term: &Tree<'_>, is_defined: &dyn Fn(&str) -> bool) -> bool {
    let single = |term: &Tree<'_>| is_single(term, is_defined);
    match term {
        Term::Id | Term::Num(_) | Term::Var(_) | Term::Arr(_) | Term::Break(_) => true,
        Term::Recurse | Term::Label(..) | Term::TryCatch(..) => false,
        Term::Neg(inner) | Term::Def(_, inner) => single(inner),
        Term::Str(_, parts) => parts.iter().all(|part| match part {
            StrPart::Term(inner) => single(inner),
            StrPart::Str(_) | StrPart::Char(_) => true,
        }),
        Term::Obj(members) => {
            let mut members = members.iter();
            members.all(|(name, value)| single(name) && value.as_ref().is_none_or(single))
        }
        Term::BinOp(left, operator, right) => match operator {
            BinaryOp::Comma => false,
            BinaryOp::Update => true,
            BinaryOp::Assign | BinaryOp::UpdateMath(_) | BinaryOp::UpdateAlt => single(right),
            BinaryOp::Pipe(Some(Pattern::Arr(_) | Pattern::Obj(_))) => false,
            _ => single(left) && single(right),
        },
        Term::Fold(name, _, _, arguments) => {
            *name == "reduce" && arguments.first().is_some_and(single)
        }
        Term::IfThenElse(branches, other) => {
            let mut branches = branches.iter();
            branches.all(|(condition, then)| single(condition) && single(then))
                && other.as_ref().is_none_or(|other| single(other))
        }
        Term::Call(name, _) if is_defined(name) => false,
        Term::Call(name, arguments) => {
            ALWAYS.contains(name)
                || WITHOUT_ARGUMENTS.contains(name) && arguments.is_empty()
                || IF_ARGUMENTS.contains(name) && arguments.iter().all(single)
        }
        Term::Path(inner, path) => {
            let is_item = |(part, opt): &(Part<Tree<'_>>, Opt)| match (part, opt) {
                (Part::Index(index), Opt::Essential) => single(index),
                (Part::Range(None, None), _) | (_, Opt::Optional) => false,
                (Part::Range(from, to), Opt::Essential) => {
                    from.as_ref().is_none_or(single) && to.as_ref().is_none_or(single)
                }
            };
            single(inner) && path.0.iter().all(is_item)
        }
    }
}
