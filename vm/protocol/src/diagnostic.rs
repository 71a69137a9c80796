//! A broken rule as people read it, in the form of a compiler's error: what was done, where, what asks otherwise, how to see it again.

use std::fmt::{self, Write as _};

use serde::{Deserialize, Serialize};

/// Where the pages of the driver interfaces are.
const INTERFACES: &str = "https://learn.microsoft.com/windows-hardware/drivers/ddi/";
/// The list of bug checks; the addresses of their own pages follow no rule.
const BUG_CHECKS: &str =
    "https://learn.microsoft.com/windows-hardware/drivers/debugger/bug-check-code-reference2";

/// A broken rule.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Diagnostic {
    /// Short name of the rule.
    pub rule: String,
    /// What was done.
    pub text: String,
    /// Where.
    pub place: Option<Place>,
    /// What else is to be said, each with a word before it: `rule`, `documentation`, `replay`.
    pub notes: Vec<(&'static str, String)>,
}

/// A place in a driver.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// The function.
    pub function: String,
    /// The source file and the line in it, when they are known.
    pub line: Option<(String, u32)>,
    /// The text of that line, when the file is there.
    pub code: Option<String>,
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error[{}]: {}", self.rule, self.text)?;
        let number = match &self.place {
            Some(Place {
                line: Some((_, number)),
                code: Some(_),
                ..
            }) => number.to_string(),
            _ => " ".to_owned(),
        };
        let gutter = " ".repeat(number.len());
        match &self.place {
            None => {}
            Some(place) => {
                write!(f, "\n{gutter}--> {}", place.function)?;
                if let Some((file, line)) = &place.line {
                    write!(f, ", {file}:{line}")?;
                }
                if let Some(code) = &place.code {
                    let text = code.trim_start();
                    // Tabs before the marks keep them under the text.
                    let indent = &code[..code.len() - text.len()];
                    let marks = "^".repeat(text.trim_end().chars().count());
                    write!(f, "\n{gutter} |\n{number} | {}", code.trim_end())?;
                    write!(f, "\n{gutter} | {indent}{marks}")?;
                }
            }
        }
        if !self.notes.is_empty() {
            write!(f, "\n{gutter} |")?;
        }
        for (word, text) in &self.notes {
            let mut lines = text.lines();
            write!(
                f,
                "\n{gutter} = {word}: {}",
                lines.next().unwrap_or_default()
            )?;
            let indent = " ".repeat(gutter.len() + 5 + word.len());
            for line in lines {
                write!(f, "\n{indent}{line}")?;
            }
        }
        Ok(())
    }
}

/// A diagnostic's text with the colours that compilers use.
#[must_use]
pub fn painted(text: &str) -> String {
    const RED: &str = "\x1b[1;31m";
    const BLUE: &str = "\x1b[1;34m";
    const BOLD: &str = "\x1b[1m";
    const END: &str = "\x1b[0m";
    let mut out = String::new();
    for line in text.lines() {
        let rest = line.trim_start_matches([' ', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9']);
        let (gutter, rest) = line.split_at(line.len() - rest.len());
        // Writing to a string cannot fail.
        let _ = match (line.strip_prefix("error["), rest.split_at_checked(1)) {
            (Some(error), _) => match error.split_once("]: ") {
                Some((rule, what)) => writeln!(out, "{RED}error[{rule}]{END}{BOLD}: {what}{END}"),
                None => writeln!(out, "{RED}{line}{END}"),
            },
            (None, _) if rest.starts_with("--> ") => {
                writeln!(out, "{gutter}{BLUE}-->{END}{}", &rest[3..])
            }
            (None, Some(("|", marks))) if marks.trim_start().starts_with('^') => {
                writeln!(out, "{BLUE}{gutter}|{END}{RED}{marks}{END}")
            }
            (None, Some((mark @ ("|" | "="), text))) => {
                writeln!(out, "{BLUE}{gutter}{mark}{END}{text}")
            }
            _ => writeln!(out, "{line}"),
        };
    }
    out
}

/// Addresses of the pages that a rule's source names: `wdm/nf-wdm-kelowerirql` is one, and the list of bug checks.
#[must_use]
pub fn links(source: &str) -> Vec<String> {
    let mut links = Vec::new();
    let words = source.split(|letter: char| letter.is_whitespace() || ";,()\"".contains(letter));
    for word in words {
        let page = word.split_once('/').filter(|(header, page)| {
            let mut letters = page.bytes();
            let kind = (letters.next(), letters.nth(1));
            header.bytes().all(|letter| letter.is_ascii_alphanumeric())
                && kind == (Some(b'n'), Some(b'-'))
                && page[3..].starts_with(*header)
        });
        if page.is_some() {
            links.push(format!("{INTERFACES}{word}"));
        }
    }
    if source.to_ascii_lowercase().contains("bug check") {
        links.push(BUG_CHECKS.to_owned());
    }
    links
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Diagnostic {
        Diagnostic {
            rule: "access-violation".into(),
            text: "the driver writes memory that is not there".into(),
            place: Some(Place {
                function: "waverig::tick".into(),
                line: Some(("driver/src/tick.rs".into(), 212)),
                code: Some("    place.write(0);".into()),
            }),
            notes: vec![
                ("rule", "Only what is there.".into()),
                ("replay", "again\nand again".into()),
            ],
        }
    }

    #[test]
    fn it_reads_like_an_error_of_a_compiler() {
        let expect = "\
error[access-violation]: the driver writes memory that is not there
   --> waverig::tick, driver/src/tick.rs:212
    |
212 |     place.write(0);
    |     ^^^^^^^^^^^^^^^
    |
    = rule: Only what is there.
    = replay: again
              and again";
        assert_eq!(sample().to_string(), expect);
        let unknown = Diagnostic {
            place: Some(Place {
                function: "foreign.sys+0x10".into(),
                ..Place::default()
            }),
            notes: Vec::new(),
            ..sample()
        };
        assert!(
            unknown.to_string().ends_with("\n --> foreign.sys+0x10"),
            "{unknown}"
        );
    }

    #[test]
    fn colours_change_no_text() {
        let text = sample().to_string();
        let painted = painted(&text);
        assert!(
            painted.contains("\x1b[1;31merror[access-violation]\x1b[0m"),
            "{painted}"
        );
        let mut plain = painted;
        for code in ["\x1b[1;31m", "\x1b[1;34m", "\x1b[1m", "\x1b[0m"] {
            plain = plain.replace(code, "");
        }
        assert_eq!(plain.trim_end(), text);
    }

    #[test]
    fn pages_become_addresses() {
        let check = |source: &str, expect: &[&str]| {
            let links = links(source);
            let pages: Vec<&str> = links
                .iter()
                .map(|link| link.strip_prefix(INTERFACES).unwrap_or("bug checks"))
                .collect();
            assert_eq!(pages, expect, "{source}");
        };
        check("wdm/nf-wdm-zwclose", &["wdm/nf-wdm-zwclose"]);
        check(
            "wdm/nf-wdm-kelowerirql; bug check 0xC4 (0x30)",
            &["wdm/nf-wdm-kelowerirql", "bug checks"],
        );
        check(
            "portcls/nn-portcls-ia; ksmedia/ns-ksmedia-_b, reference counting",
            &["portcls/nn-portcls-ia", "ksmedia/ns-ksmedia-_b"],
        );
        check("\"Using the Kernel Stack\"; vm/sim; a/b", &[]);
    }
}
