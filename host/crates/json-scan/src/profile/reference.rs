//! The profile, written as plainly as possible: one value after the other, by recursion, with every
//! string decoded and every name compared with every other. Tests and fuzz targets compare the
//! checker with it.

/// The digits of 2^1024 - 2^970. This number and larger ones round to infinity.
const INFINITE: &str = "179769313486231580793728971405303415079934132710037826936173778980444968292764\
    750946649017977587207096330286416692887910946555547851940402630657488671505820681908902000708383\
    676273854845817711531764475730270069855571366959622842914819860834936475292719074168444365510704\
    342711559699508093042880177904174497792";

/// What a text breaks: the name of the rule and the offset of the value or of the member's name.
pub(crate) type Broken = Vec<(&'static str, usize)>;

/// Everything that a valid JSON text breaks. Nothing inside a value that is nested too deeply is
/// listed.
pub(crate) fn broken(text: &str) -> Broken {
    let mut reader = Reader {
        text: text.as_bytes(),
        at: 0,
        broken: Vec::new(),
    };
    reader.skip_space();
    if reader.peek() != b'{' {
        reader.broken.push(("Object", reader.at));
    }
    reader.value(0);
    reader.broken
}

struct Reader<'a> {
    text: &'a [u8],
    at: usize,
    broken: Broken,
}

impl Reader<'_> {
    fn peek(&self) -> u8 {
        self.text.get(self.at).copied().unwrap_or_default()
    }

    fn skip_space(&mut self) {
        while matches!(self.peek(), b' ' | b'\t' | b'\n' | b'\r') {
            self.at += 1;
        }
    }

    /// Skips a comma, a colon or a bracket.
    fn token(&mut self) -> u8 {
        let token = self.peek();
        self.at += 1;
        self.skip_space();
        token
    }

    fn value(&mut self, depth: usize) {
        let start = self.at;
        match self.peek() {
            b'{' | b'[' if depth == 100 => {
                self.broken.push(("Depth", start));
                self.skip_nested();
            }
            b'{' => self.object(depth + 1),
            b'[' => self.array(depth + 1),
            b'"' => drop(self.string()),
            b'-' | b'0'..=b'9' => self.number(),
            _ => self.skip_while(|byte| byte.is_ascii_alphabetic()),
        }
        self.skip_space();
    }

    fn skip_while(&mut self, is_part: fn(u8) -> bool) {
        while is_part(self.peek()) {
            self.at += 1;
        }
    }

    fn skip_nested(&mut self) {
        let mut open = 0;
        loop {
            match self.peek() {
                b'{' | b'[' => open += 1,
                b'}' | b']' => open -= 1,
                b'"' => {
                    let before = self.broken.len();
                    self.string();
                    self.broken.truncate(before);
                    continue;
                }
                _ => {}
            }
            self.at += 1;
            if open == 0 {
                return;
            }
        }
    }

    fn array(&mut self, depth: usize) {
        self.token();
        while self.peek() != b']' {
            self.value(depth);
            if self.peek() == b',' {
                self.token();
            }
        }
        self.at += 1;
    }

    fn object(&mut self, depth: usize) {
        let mut names = Vec::new();
        self.token();
        while self.peek() != b'}' {
            let at = self.at;
            let name = self.string();
            if names.contains(&name) {
                self.broken.push(("Names", at));
            }
            names.push(name);
            self.skip_space();
            self.token();
            self.value(depth);
            if self.peek() == b',' {
                self.token();
            }
        }
        self.at += 1;
    }

    /// The UTF-16 of a string, with ASCII letters in lower case.
    fn string(&mut self) -> Vec<u16> {
        let start = self.at;
        self.at += 1;
        let mut units = Vec::new();
        while self.peek() != b'"' {
            if self.peek() == b'\\' {
                units.push(self.escape());
            } else {
                units.extend(self.character().encode_utf16(&mut [0; 2]).iter());
            }
        }
        self.at += 1;
        if char::decode_utf16(units.iter().copied()).any(|unit| unit.is_err()) {
            self.broken.push(("Surrogates", start));
        }
        let lower = |unit: u16| match unit {
            0x41..=0x5a => unit + 0x20,
            _ => unit,
        };
        units.into_iter().map(lower).collect()
    }

    fn character(&mut self) -> char {
        let rest = std::str::from_utf8(&self.text[self.at..]).unwrap();
        let character = rest.chars().next().unwrap();
        self.at += character.len_utf8();
        character
    }

    fn escape(&mut self) -> u16 {
        let letter = self.text[self.at + 1];
        self.at += 2;
        match letter {
            b'b' => 8,
            b't' => 9,
            b'n' => 10,
            b'f' => 12,
            b'r' => 13,
            b'u' => {
                let digits = std::str::from_utf8(&self.text[self.at..self.at + 4]).unwrap();
                self.at += 4;
                u16::from_str_radix(digits, 16).unwrap()
            }
            other => other.into(),
        }
    }

    fn number(&mut self) {
        let start = self.at;
        self.skip_while(|byte| matches!(byte, b'-' | b'+' | b'.' | b'e' | b'E' | b'0'..=b'9'));
        let text = std::str::from_utf8(&self.text[start..self.at]).unwrap();
        if let Some(rule) = of_number(text.trim_start_matches('-')) {
            self.broken.push((rule, start));
        }
    }
}

fn of_number(text: &str) -> Option<&'static str> {
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    if mantissa == whole && mantissa == text {
        return (whole.len() > 38).then_some("Integer");
    }
    // Larger exponents are cut off: no text here has as many digits.
    let digits = exponent.trim_start_matches(['+', '-', '0']);
    let size: i64 = if digits.len() > 8 {
        100_000_000
    } else {
        format!("0{digits}").parse().unwrap()
    };
    let exponent = if exponent.starts_with('-') {
        -size
    } else {
        size
    };
    let digits = format!("{whole}{fraction}");
    let significant = digits.trim_start_matches('0');
    // The number is 0.SIGNIFICANT times ten to the power of `magnitude`.
    let leading = i64::try_from(digits.len() - significant.len()).unwrap();
    let magnitude = i64::try_from(whole.len()).unwrap() - leading + exponent;
    let infinite = !significant.is_empty()
        && (magnitude > 309 || magnitude == 309 && significant.trim_end_matches('0') >= INFINITE);
    if infinite {
        return Some("Range");
    }
    (!(-9_999..=308).contains(&exponent)).then_some("Exponent")
}
