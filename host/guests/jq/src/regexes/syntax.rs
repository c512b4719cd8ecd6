//! Compiles a regular expression.

use regex_automata::MatchKind;
use regex_automata::meta::{BuildError, Builder, Config, Regex};
use regex_syntax::ast::parse::ParserBuilder;
use regex_syntax::ast::{
    Ast, ClassAscii, ClassAsciiKind, ClassBracketed, ClassSet, ClassSetItem, Span,
};
use regex_syntax::hir::translate::TranslatorBuilder;
use regex_syntax::hir::{Class, Hir, HirKind};

use super::Flags;
use super::flags::{DOT_ALL, EXTENDED, IGNORE_CASE, LONGEST};

/// The most levels of groups. Each one needs a part of the stack.
const DEPTH_MAX: u32 = 64;
/// The most memory of a compiled expression in one direction. A hostile one costs its record no more than that.
const COMPILED_MAX_BYTES: usize = 4 << 20;
/// The memory in which states of an automaton are kept while it matches.
const STATES_MAX_BYTES: usize = 256 << 10;

/// The most ranges of characters of an expression, with all repetitions: about 60 times `\w`. To compile so many takes nearly
/// all fuel that a record has by default.
const WEIGHT_MAX: usize = 50_000;

/// The ranges of characters of an expression that is matched with a lazy automaton: about eight times `\w`. An automaton is
/// quick for long texts, but it takes twice the work to compile, which only pays for small expressions.
const AUTOMATON_MAX_WEIGHT: usize = 6000;

/// Compiles an expression.
///
/// # Errors
/// What is wrong with it and where.
pub(super) fn compile(pattern: &str, flags: Flags) -> Result<Regex, String> {
    let mut parser = ParserBuilder::new();
    let parser = parser
        .nest_limit(DEPTH_MAX)
        .ignore_whitespace(flags.has(EXTENDED));
    let mut ast = parser
        .build()
        .parse(pattern)
        .map_err(|error| fault(pattern, error.span(), error.kind()))?;
    widen(&mut ast);
    let mut translator = TranslatorBuilder::new();
    let translator = translator
        .case_insensitive(flags.has(IGNORE_CASE))
        .dot_matches_new_line(flags.has(DOT_ALL));
    let translated = translator.build().translate(pattern, &ast);
    let hir = translated.map_err(|error| fault(pattern, error.span(), error.kind()))?;
    let weight = weight(&hir);
    if weight > WEIGHT_MAX {
        return Err(too_large(pattern));
    }
    let kind = match flags.has(LONGEST) {
        true => MatchKind::All,
        false => MatchKind::LeftmostFirst,
    };
    let config = Config::new()
        .match_kind(kind)
        .nfa_size_limit(Some(COMPILED_MAX_BYTES))
        .onepass_size_limit(Some(STATES_MAX_BYTES))
        .hybrid(weight <= AUTOMATON_MAX_WEIGHT)
        .hybrid_cache_capacity(STATES_MAX_BYTES);
    let built = Builder::new().configure(config).build_from_hir(&hir);
    built.map_err(|error| unbuildable(pattern, &error))
}

/// The number of ranges of characters, with all repetitions.
fn weight(hir: &Hir) -> usize {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => 0,
        HirKind::Literal(_) => 1,
        HirKind::Class(Class::Unicode(class)) => class.ranges().len(),
        HirKind::Class(Class::Bytes(class)) => class.ranges().len(),
        HirKind::Repetition(repetition) => {
            let times = repetition.max.unwrap_or(repetition.min).max(1);
            weight(&repetition.sub).saturating_mul(times as usize)
        }
        HirKind::Capture(capture) => weight(&capture.sub),
        HirKind::Concat(parts) | HirKind::Alternation(parts) => {
            parts.iter().map(weight).fold(0, usize::saturating_add)
        }
    }
}

#[cold]
fn fault(pattern: &str, span: &Span, why: &dyn std::fmt::Display) -> String {
    let before = pattern.get(..span.start.offset).unwrap_or(pattern);
    let character = 1 + before.chars().count();
    format!("the regular expression {pattern:?}, character {character}: {why}")
}

#[cold]
fn unbuildable(pattern: &str, error: &BuildError) -> String {
    match error.size_limit() {
        Some(_) => too_large(pattern),
        None => format!("the regular expression {pattern:?}: {error}"),
    }
}

#[cold]
fn too_large(pattern: &str) -> String {
    format!(
        "the regular expression {pattern:?} is too large; write `+` for a repetition such as `{{1,100}}`, or use smaller classes, \
         such as `[a-z]` for `\\w`"
    )
}

/// Makes classes such as `[:alpha:]` match characters that are not ASCII, as all other classes do.
fn widen(ast: &mut Ast) {
    match ast {
        Ast::Repetition(repetition) => widen(&mut repetition.ast),
        Ast::Group(group) => widen(&mut group.ast),
        Ast::Alternation(alternation) => alternation.asts.iter_mut().for_each(widen),
        Ast::Concat(concat) => concat.asts.iter_mut().for_each(widen),
        Ast::ClassBracketed(class) => widen_set(&mut class.kind),
        _ => {}
    }
}

fn widen_set(set: &mut ClassSet) {
    match set {
        ClassSet::Item(item) => widen_item(item),
        ClassSet::BinaryOp(operation) => {
            widen_set(&mut operation.lhs);
            widen_set(&mut operation.rhs);
        }
    }
}

fn widen_item(item: &mut ClassSetItem) {
    match item {
        ClassSetItem::Ascii(class) => {
            if let Some(wide) = wide_class(class) {
                *item = ClassSetItem::Bracketed(Box::new(wide));
            }
        }
        ClassSetItem::Bracketed(class) => widen_set(&mut class.kind),
        ClassSetItem::Union(union) => union.items.iter_mut().for_each(widen_item),
        _ => {}
    }
}

/// The class of Unicode in the place of one of ASCII.
fn wide_class(class: &ClassAscii) -> Option<ClassBracketed> {
    let text = match class.kind {
        ClassAsciiKind::Alnum => r"[\w--\p{Pc}]",
        ClassAsciiKind::Alpha => r"[\w--[\p{Pc}\p{Nd}]]",
        ClassAsciiKind::Blank => r"[\p{Zs}\t]",
        ClassAsciiKind::Cntrl => r"[\p{Cc}]",
        ClassAsciiKind::Digit => r"[\d]",
        ClassAsciiKind::Graph => r"[^\s\p{Cc}\p{Cn}]",
        ClassAsciiKind::Lower => r"[\p{Lowercase}]",
        ClassAsciiKind::Print => r"[^\p{Cc}\p{Cn}\p{Zl}\p{Zp}]",
        ClassAsciiKind::Punct => r"[\p{P}$+<=>^`|~]",
        ClassAsciiKind::Space => r"[\s]",
        ClassAsciiKind::Upper => r"[\p{Uppercase}]",
        ClassAsciiKind::Word => r"[\w]",
        ClassAsciiKind::Ascii | ClassAsciiKind::Xdigit => return None,
    };
    let parsed = ParserBuilder::new().build().parse(text);
    let mut wide = match &parsed {
        Ok(Ast::ClassBracketed(wide)) => (**wide).clone(),
        _ => return None,
    };
    wide.negated ^= class.negated;
    Some(wide)
}
