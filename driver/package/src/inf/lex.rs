//! Characters to logical lines to fields: encoding, comments, quotes, continuation lines.
//!
//! Source: Microsoft, "General syntax rules for INF files".

use super::document::Encoding;
use super::error::Line;

/// A line after continuation lines were joined and comments removed.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Logical {
    /// `[name]`
    Section(String),
    /// `key = field, field` or `field, field`, tokens not yet replaced.
    Entry {
        key: Option<String>,
        fields: Vec<String>,
    },
}

/// The text of an INF and how it was encoded.
pub(super) fn decode(bytes: &[u8]) -> Result<(String, Encoding), String> {
    if let Some(rest) = bytes.strip_prefix(&[0xFF, 0xFE]) {
        if rest.len() % 2 != 0 {
            return Err(
                "UTF-16 text ends in the middle of a character; save the file again".into(),
            );
        }
        let units: Vec<u16> = rest
            .chunks_exact(2)
            .map(|pair| u16::from_le_bytes([pair[0], pair[1]]))
            .collect();
        return String::from_utf16(&units)
            .map(|text| (text, Encoding::Utf16Le))
            .map_err(|_| "not valid UTF-16; save the file again".into());
    }
    let text = std::str::from_utf8(bytes.strip_prefix(&[0xEF, 0xBB, 0xBF]).unwrap_or(bytes))
        .map_err(|error| {
            format!(
                "byte {} is neither ASCII nor UTF-8; save the file as UTF-16 LE",
                error.valid_up_to()
            )
        })?;
    if text.contains('\0') {
        return Err("contains NUL characters: UTF-16 without a byte order mark? Save the file as UTF-16 LE with one".into());
    }
    let encoding = if bytes.is_ascii() {
        Encoding::Ascii
    } else {
        Encoding::Utf8
    };
    Ok((text.to_owned(), encoding))
}

/// The logical lines of `text`, each with the number of its first physical line.
pub(super) fn lines(text: &str) -> Result<Vec<(Line, Logical)>, (Line, String)> {
    let mut result = Vec::new();
    let mut pending: Option<(Line, String)> = None;
    for (index, physical) in text.lines().enumerate() {
        let here = Line(index as u32 + 1);
        let stripped = without_comment(physical).trim();
        let (line, mut joined) = pending.take().unwrap_or((here, String::new()));
        if let Some(start) = stripped
            .strip_suffix('\\')
            .filter(|start| !inside_quotes(start))
        {
            joined.push_str(start);
            pending = Some((line, joined));
            continue;
        }
        joined.push_str(stripped);
        if !joined.is_empty() {
            result.push((line, logical(&joined).map_err(|message| (line, message))?));
        }
    }
    match pending {
        Some((line, _)) => Err((
            line,
            "a continuation line is missing after `\\` at the end of the file".into(),
        )),
        None => Ok(result),
    }
}

/// The part of a line before an unquoted `;`.
fn without_comment(line: &str) -> &str {
    let mut quoted = false;
    for (at, character) in line.char_indices() {
        match character {
            '"' => quoted = !quoted,
            ';' if !quoted => return &line[..at],
            _ => {}
        }
    }
    line
}

fn inside_quotes(text: &str) -> bool {
    text.matches('"').count() % 2 == 1
}

fn logical(line: &str) -> Result<Logical, String> {
    if let Some(rest) = line.strip_prefix('[') {
        let (name, after) = rest
            .split_once(']')
            .ok_or("`]` is missing after the section name")?;
        if !after.trim().is_empty() {
            return Err(format!(
                "`{}` after the section name; put it on a line of its own",
                after.trim()
            ));
        }
        if name.trim().is_empty() || name.chars().count() > 255 {
            return Err("a section name has 1 to 255 characters".into());
        }
        return Ok(Logical::Section(name.trim().to_owned()));
    }
    let mut key = None;
    let mut fields = Vec::new();
    let mut field = Field::default();
    let mut characters = line.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '"' if field.quoted && characters.peek() == Some(&'"') => {
                characters.next();
                field.push_quoted('"');
            }
            '"' => field.quoted = !field.quoted,
            _ if field.quoted => field.push_quoted(character),
            '=' if key.is_none() && fields.is_empty() => {
                key = Some(std::mem::take(&mut field).finish())
            }
            ',' => fields.push(std::mem::take(&mut field).finish()),
            _ => field.push(character),
        }
    }
    if field.quoted {
        return Err("a closing `\"` is missing".into());
    }
    fields.push(field.finish());
    Ok(Logical::Entry { key, fields })
}

/// One field while it is read: blanks around it do not count, blanks inside quotes do.
#[derive(Default)]
struct Field {
    text: String,
    /// Length up to which the text is kept whatever it ends in.
    kept: usize,
    quoted: bool,
}

impl Field {
    fn push(&mut self, character: char) {
        if !(self.text.is_empty() && self.kept == 0 && character.is_whitespace()) {
            self.text.push(character);
        }
    }

    fn push_quoted(&mut self, character: char) {
        self.text.push(character);
        self.kept = self.text.len();
    }

    fn finish(mut self) -> String {
        self.text
            .truncate(self.text.trim_end().len().max(self.kept));
        self.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(line: &str, key: Option<&str>, fields: &[&str]) {
        let parsed = lines(line).unwrap();
        let expected = Logical::Entry {
            key: key.map(Into::into),
            fields: fields.iter().map(|field| field.to_string()).collect(),
        };
        assert_eq!(parsed, [(Line(1), expected)], "{line}");
    }

    #[test]
    fn fields() {
        check("a = b", Some("a"), &["b"]);
        check("a=", Some("a"), &[""]);
        check(
            "HKR,,CLSID,,%Proxy.CLSID%",
            None,
            &["HKR", "", "CLSID", "", "%Proxy.CLSID%"],
        );
        check(
            r#"x = " a ; b, c " , d ; note"#,
            Some("x"),
            &[" a ; b, c ", "d"],
        );
        check(r#"x = "say ""hi""""#, Some("x"), &[r#"say "hi""#]);
        check("HKR,,a,,b=c", None, &["HKR", "", "a", "", "b=c"]);
        check("x = a \\\n  b, \\ ; note\n c", Some("x"), &["a b", "c"]);
        check(r#"x = "C:\""#, Some("x"), &[r"C:\"]);
        check("x = a  b\t", Some("x"), &["a  b"]);
    }

    #[test]
    fn sections_and_comments() {
        assert_eq!(
            lines("; all\n\n[ A.B ] ; x").unwrap(),
            [(Line(3), Logical::Section("A.B".into()))]
        );
    }

    #[test]
    fn broken_lines_name_their_place() {
        for (text, line, part) in [
            ("\nx = \"a", 2, "closing"),
            ("[a", 1, "`]`"),
            ("[a] b", 1, "`b`"),
            ("[]", 1, "1 to 255"),
            ("a = \\", 1, "continuation"),
        ] {
            let (at, message) = lines(text).unwrap_err();
            assert_eq!(at, Line(line), "{text}");
            assert!(message.contains(part), "{message}");
        }
    }

    #[test]
    fn encodings() {
        assert_eq!(
            decode(b"\xFF\xFEa\0").unwrap(),
            ("a".into(), Encoding::Utf16Le)
        );
        assert_eq!(
            decode("ä".as_bytes()).unwrap(),
            ("ä".into(), Encoding::Utf8)
        );
        assert_eq!(decode(b"a").unwrap(), ("a".into(), Encoding::Ascii));
        for bytes in [&b"\xFF\xFEa"[..], b"\xFF\xFE\0\xD8", b"\xE4", b"a\0b\0"] {
            assert!(decode(bytes).is_err(), "{bytes:?}");
        }
    }
}
