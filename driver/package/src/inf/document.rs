//! An INF as sections of entries, with `%tokens%` replaced and a line number on everything.

use std::cell::RefCell;
use std::collections::HashMap;

use super::error::{InfError, Line};
use super::lex::{self, Logical};

/// How an INF's text was stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// ASCII only: the same in every code page.
    Ascii,
    /// UTF-8 with characters outside ASCII: Windows would take them for its own code page.
    Utf8,
    /// UTF-16 little-endian with a byte order mark.
    Utf16Le,
}

/// One entry of a section.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Where it stands.
    pub line: Line,
    /// What stands before `=`, if there is one.
    pub key: Option<String>,
    /// The fields between commas; at least one, possibly empty.
    pub fields: Vec<String>,
}

impl Entry {
    /// Field `index`, or the empty string.
    pub fn field(&self, index: usize) -> &str {
        self.fields.get(index).map_or("", String::as_str)
    }

    /// Whether the entry's key is `name`; keys do not tell case apart.
    pub fn is(&self, name: &str) -> bool {
        self.key
            .as_deref()
            .is_some_and(|key| key.eq_ignore_ascii_case(name))
    }

    /// The fields that are not empty: the names in a directive.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.fields
            .iter()
            .map(String::as_str)
            .filter(|field| !field.is_empty())
    }
}

/// A section: every part of the file under the same name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Section {
    /// The name as first written.
    pub name: String,
    /// Where it first stands.
    pub line: Line,
    /// Where it stands again.
    pub again: Vec<Line>,
    /// Its entries in the order of the file.
    pub entries: Vec<Entry>,
}

impl Section {
    /// The first entry with this key.
    pub fn entry(&self, key: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.is(key))
    }
}

/// An INF that was read without errors of syntax.
#[derive(Clone, Debug)]
pub struct Inf {
    /// The file's name, used in messages.
    pub file: String,
    /// How the text was stored.
    pub encoding: Encoding,
    sections: Vec<Section>,
    by_name: HashMap<String, usize>,
    /// Strings that no entry uses.
    unused: Vec<(String, Line)>,
    /// What is passed over, for an INF that is taken as it is found; `None` for one that must be right.
    passed_over: Option<RefCell<Vec<InfError>>>,
}

impl Inf {
    /// Reads an INF.
    ///
    /// # Errors
    /// Broken syntax, an unknown encoding, or a `%token%` that `[Strings]` does not define, with its line.
    pub fn parse(file: &str, bytes: &[u8]) -> Result<Self, InfError> {
        let error = |line, message| InfError {
            file: file.to_owned(),
            line,
            message,
        };
        let (text, encoding) = lex::decode(bytes).map_err(|message| error(None, message))?;
        let mut inf = Self {
            file: file.to_owned(),
            encoding,
            sections: Vec::new(),
            by_name: HashMap::new(),
            unused: Vec::new(),
            passed_over: None,
        };
        let mut current = None;
        for (line, logical) in
            lex::lines(&text).map_err(|(line, message)| error(Some(line), message))?
        {
            match logical {
                Logical::Section(name) => current = Some(inf.open(name, line)),
                Logical::Entry { key, fields } => {
                    let section = current.ok_or_else(|| {
                        error(Some(line), "an entry before the first [section]".into())
                    })?;
                    inf.sections[section]
                        .entries
                        .push(Entry { line, key, fields });
                }
            }
        }
        inf.replace_tokens()?;
        Ok(inf)
    }

    /// Takes the INF as it is found: what a plan would refuse although Windows may take it (legacy directives, other registry roots,
    /// sections of Windows that this crate does not know) is passed over and noted.
    #[must_use]
    pub fn as_found(self) -> Self {
        Self {
            passed_over: Some(RefCell::default()),
            ..self
        }
    }

    /// What was passed over so far.
    pub fn passed_over(&self) -> Vec<InfError> {
        let notes = self.passed_over.as_ref();
        notes.map_or_else(Vec::new, |notes| notes.borrow().clone())
    }

    /// Notes what is passed over.
    ///
    /// # Errors
    /// The same, for an INF that must be right.
    pub(super) fn pass_over(&self, error: InfError) -> Result<(), InfError> {
        match &self.passed_over {
            Some(notes) => {
                notes.borrow_mut().push(error);
                Ok(())
            }
            None => Err(error),
        }
    }

    fn open(&mut self, name: String, line: Line) -> usize {
        let lower = name.to_ascii_lowercase();
        if let Some(&index) = self.by_name.get(&lower) {
            self.sections[index].again.push(line);
            return index;
        }
        self.sections.push(Section {
            name,
            line,
            again: Vec::new(),
            entries: Vec::new(),
        });
        self.by_name.insert(lower, self.sections.len() - 1);
        self.sections.len() - 1
    }

    fn replace_tokens(&mut self) -> Result<(), InfError> {
        let mut strings = Strings::default();
        for entry in self
            .section("Strings")
            .map_or(&[][..], |section| &section.entries)
        {
            let key = entry.key.as_deref().ok_or_else(|| {
                self.error(entry.line, "an entry of [Strings] is `name = \"text\"`")
            })?;
            if !strings.define(key, entry) {
                return Err(self.error(entry.line, format!("the string {key} is defined twice")));
            }
        }
        let file = self.file.clone();
        for section in self
            .sections
            .iter_mut()
            .filter(|section| !is_strings(&section.name))
        {
            for entry in &mut section.entries {
                let line = entry.line;
                for text in entry.key.iter_mut().chain(&mut entry.fields) {
                    *text = strings.expand(text).map_err(|message| InfError {
                        file: file.clone(),
                        line: Some(line),
                        message,
                    })?;
                }
            }
        }
        self.unused = strings.unused();
        Ok(())
    }

    /// Names of `[Strings]` that no entry uses, in the order of the file.
    pub fn unused_strings(&self) -> &[(String, Line)] {
        &self.unused
    }

    /// All sections, in the order of the file.
    pub fn sections(&self) -> &[Section] {
        &self.sections
    }

    /// A section by its name, which does not tell case apart.
    pub fn section(&self, name: &str) -> Option<&Section> {
        self.by_name
            .get(&name.to_ascii_lowercase())
            .map(|&index| &self.sections[index])
    }

    /// A section that something refers to.
    ///
    /// # Errors
    /// When there is none: names the line that refers to it.
    pub fn referenced(&self, name: &str, from: Line) -> Result<&Section, InfError> {
        self.section(name).ok_or_else(|| {
            self.error(
                from,
                format!("section [{name}] does not exist; add it or correct the name"),
            )
        })
    }

    /// The first field of an entry of `[Version]`.
    pub fn version(&self, key: &str) -> Option<&Entry> {
        self.section("Version")?.entry(key)
    }

    /// An error at a line of this file.
    pub fn error(&self, line: Line, message: impl Into<String>) -> InfError {
        InfError {
            file: self.file.clone(),
            line: Some(line),
            message: message.into(),
        }
    }

    /// An error of the whole file.
    pub fn file_error(&self, message: impl Into<String>) -> InfError {
        InfError {
            file: self.file.clone(),
            line: None,
            message: message.into(),
        }
    }
}

/// `[Strings]` or a language's `[Strings.0407]`: where tokens are defined, so nothing is replaced there.
pub(super) fn is_strings(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    name == "strings" || name.starts_with("strings.")
}

/// What `[Strings]` defines.
#[derive(Default)]
struct Strings(HashMap<String, Text>);

/// A string and what became of it.
struct Text {
    name: String,
    value: String,
    line: Line,
    used: bool,
}

impl Strings {
    /// Says whether the name was new.
    fn define(&mut self, name: &str, entry: &Entry) -> bool {
        let text = Text {
            name: name.to_owned(),
            value: entry.field(0).to_owned(),
            line: entry.line,
            used: false,
        };
        self.0.insert(name.to_ascii_lowercase(), text).is_none()
    }

    /// Replaces `%name%`; `%%` is a percent sign; `%13%` (a DIRID) stays for whoever knows the folder.
    fn expand(&mut self, text: &str) -> Result<String, String> {
        let mut result = String::with_capacity(text.len());
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('%') {
            result.push_str(before);
            let (token, tail) = after
                .split_once('%')
                .ok_or("a single `%`: write `%%` for a percent sign")?;
            match self.0.get_mut(&token.to_ascii_lowercase()) {
                _ if token.is_empty() => result.push('%'),
                Some(text) => {
                    text.used = true;
                    result.push_str(&text.value);
                }
                None if token.bytes().all(|byte| byte.is_ascii_digit()) => {
                    result.push('%');
                    result.push_str(token);
                    result.push('%');
                }
                None => {
                    return Err(format!(
                        "%{token}% is not defined; add it to [Strings] (infverif 1235)"
                    ));
                }
            }
            rest = tail;
        }
        result.push_str(rest);
        Ok(result)
    }

    fn unused(self) -> Vec<(String, Line)> {
        let texts = self.0.into_values().filter(|text| !text.used);
        let mut unused: Vec<_> = texts.map(|text| (text.name, text.line)).collect();
        unused.sort_by_key(|(_, line)| *line);
        unused
    }
}
