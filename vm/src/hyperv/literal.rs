//! Values as PowerShell literals that nothing in them can leave.

/// What PowerShell's tokenizer takes for a single quotation mark: the typewriter's, and the typographic ones ("PowerShell treats smart
/// quotation marks … as normal quotation marks for strings", about_Quoting_Rules; which ones: `IsSingleQuote` in PowerShell's sources).
const QUOTES: [char; 5] = ['\'', '\u{2018}', '\u{2019}', '\u{201A}', '\u{201B}'];

/// A verbatim string: no variable, no escape, and two quotation marks are one (about_Quoting_Rules).
pub(super) fn text(value: &str) -> String {
    let mut literal = String::with_capacity(value.len() + 2);
    literal.push('\'');
    for letter in value.chars() {
        literal.push(letter);
        if QUOTES.contains(&letter) {
            literal.push(letter);
        }
    }
    literal.push('\'');
    literal
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What PowerShell reads in a verbatim string at the start of `code`, and what follows it. Worked out from the rule, not from
    /// [`text`]: a quotation mark of any kind ends the string unless another one follows, which then stands for itself.
    fn read(code: &str) -> Option<(String, &str)> {
        let mut letters = code.char_indices().peekable();
        if letters.next()?.1 != '\'' {
            return None;
        }
        let mut value = String::new();
        loop {
            let (at, letter) = letters.next()?;
            let quote =
                |letter: char| letter == '\'' || ('\u{2018}'..='\u{201B}').contains(&letter);
            if !quote(letter) {
                value.push(letter);
            } else if let Some((_, second)) = letters.next_if(|(_, next)| quote(*next)) {
                value.push(second);
            } else {
                return Some((value, &code[at + letter.len_utf8()..]));
            }
        }
    }

    #[test]
    fn a_value_is_read_as_it_is() {
        let check = |value: &str, expect: &str| assert_eq!(text(value), expect);
        check(r"C:\Users\Ann\base.vhdx", r"'C:\Users\Ann\base.vhdx'");
        check("O'Neill", "'O''Neill'");
        check("$(rm) `n \" ;", "'$(rm) `n \" ;'");
        check("a\u{2019}b", "'a\u{2019}\u{2019}b'");
    }

    #[test]
    fn no_value_leaves_its_literal() {
        let pieces = [
            "'", "''", "\u{2018}", "\u{2019}", "\u{201A}", "\u{201B}", "\u{201C}", "\"", "`", "$(",
            ")", ";", "\n", "\r\n", "#", "@'", "'@", "{", "}", "|", "a", " -Force", "\0",
            "\u{FFFD}", "&",
        ];
        // Every value of up to three of them.
        let mut values = vec![String::new()];
        for round in 0..3 {
            let from = if round == 0 {
                0
            } else {
                values.len() - pieces.len().pow(round)
            };
            let last = values.split_off(from);
            values.extend(last.iter().cloned());
            for value in last {
                values.extend(pieces.iter().map(|piece| format!("{value}{piece}")));
            }
        }
        for value in values {
            let code = format!("{} | Remove-VM", text(&value));
            assert_eq!(read(&code), Some((value, " | Remove-VM")), "{code}");
        }
    }
}
