//! The flags of a regular expression, as jq has them.

/// Flags, one bit each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Flags(u8);

/// `g`: all matches, not only the first one.
pub(crate) const GLOBAL: Flags = Flags(1);
/// `n`: no empty matches.
pub(crate) const NOT_EMPTY: Flags = Flags(1 << 1);
/// `i`: upper and lower case are the same.
pub(crate) const IGNORE_CASE: Flags = Flags(1 << 2);
/// `x`: white space and comments are ignored.
pub(crate) const EXTENDED: Flags = Flags(1 << 3);
/// `l`: the longest match of all.
pub(crate) const LONGEST: Flags = Flags(1 << 4);
/// A part of `p`: `.` matches line breaks.
pub(crate) const DOT_ALL: Flags = Flags(1 << 5);

impl Flags {
    /// The flags of a text.
    ///
    /// # Errors
    /// Names a letter that is no flag.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        text.chars().try_fold(Self::default(), |flags, letter| {
            let flag = match letter {
                'g' => GLOBAL,
                'n' => NOT_EMPTY,
                'i' => IGNORE_CASE,
                'x' => EXTENDED,
                'l' => LONGEST,
                'p' => DOT_ALL,
                // `^` and `$` are the ends of the text, which they are anyway.
                's' => Self::default(),
                _ => {
                    return Err(format!(
                        "the flags {text:?} of a regular expression: `{letter}` is none of g, i, l, n, p, s and x"
                    ));
                }
            };
            Ok(flags.with(flag))
        })
    }

    pub(crate) fn with(self, flag: Self) -> Self {
        Self(self.0 | flag.0)
    }

    pub(crate) fn has(self, flag: Self) -> bool {
        self.0 & flag.0 != 0
    }

    /// Those that change what is compiled.
    pub(super) fn of_compiler(self) -> Self {
        Self(self.0 & !(GLOBAL.0 | NOT_EMPTY.0))
    }
}
