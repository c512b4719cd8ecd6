//! Changes of a program before it is parsed.

use jaq_core::load::lex::{StrPart, Tok, Token};

type Tokens<'p> = Vec<Token<&'p str>>;

/// Calls `f` for each list of tokens: the given one, and those in brackets and in texts.
fn for_each_list<'p>(tokens: &mut Tokens<'p>, f: &mut dyn FnMut(&mut Tokens<'p>)) {
    f(tokens);
    for Token(_, token) in tokens {
        match token {
            Tok::Block(tokens) => for_each_list(tokens, f),
            Tok::Str(parts) => {
                for part in parts {
                    if let StrPart::Term(Token(_, Tok::Block(tokens))) = part {
                        for_each_list(tokens, f);
                    }
                }
            }
            _ => {}
        }
    }
}

/// The step that makes a chain of `|` longer than `limit`.
pub(super) fn long_chain<'p>(tokens: &mut Tokens<'p>, limit: usize) -> Option<&'p str> {
    let mut found = None;
    for_each_list(tokens, &mut |tokens| {
        let mut steps = tokens.iter().filter(|token| token.0 == "|");
        if let Some(Token(step, _)) = steps.nth(limit - 1) {
            found = found.or(Some(*step));
        }
    });
    found
}

/// Gives filters other names.
pub(crate) fn rename<'p>(tokens: &mut Tokens<'p>, names: &[(&str, &'p str)]) {
    for_each_list(tokens, &mut |tokens| {
        for Token(word, token) in tokens {
            if let (Tok::Word, Some((_, new))) = (token, names.iter().find(|(old, _)| old == word))
            {
                *word = new;
            }
        }
    });
}

/// Rewrites patterns such as `{$a: [$b]}`, which jaq does not have, to `{$a, a: [$b]}`.
pub(super) fn rewrite_patterns(tokens: &mut Tokens<'_>) {
    for_each_list(tokens, &mut |tokens| {
        let mut is_pattern = false;
        for Token(word, token) in tokens {
            if let (true, Tok::Block(inner)) = (is_pattern, &mut *token) {
                rewrite_pattern(word, inner);
            }
            is_pattern = *word == "as";
        }
    });
}

fn rewrite_pattern<'p>(bracket: &str, tokens: &mut Tokens<'p>) {
    let mut rewritten = Vec::with_capacity(tokens.len());
    let mut old = std::mem::take(tokens).into_iter().peekable();
    while let Some(Token(word, mut token)) = old.next() {
        let next = old.peek().map(|next| next.0);
        // The name of a member can be a term in parentheses, which is no pattern.
        if let Tok::Block(inner) = &mut token
            && !word.starts_with('(')
        {
            rewrite_pattern(word, inner);
        }
        let name = word.strip_prefix('$').filter(|_| next == Some(":"));
        rewritten.push(Token(word, token));
        if let Some(name) = name.filter(|_| bracket.starts_with('{')) {
            rewritten.push(Token(",", Tok::Sym));
            rewritten.push(Token(name, Tok::Word));
        }
    }
    *tokens = rewritten;
}
