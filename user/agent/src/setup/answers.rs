//! An answer file as a list of values, each with the path that leads to it: `windowsPE/Microsoft-Windows-Setup/UserData/AcceptEula`.

use anyhow::{Context as _, Result, bail, ensure};
use quick_xml::Reader;
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::Event;

/// The namespace of answer files.
const NAMESPACE: &str = "urn:schemas-microsoft-com:unattend";

/// What a file says.
pub(super) struct Answers(Vec<(String, String)>);

impl Answers {
    /// Reads a file.
    ///
    /// # Errors
    /// When it is none.
    pub(super) fn read(xml: &str) -> Result<Self> {
        let mut reader = Reader::from_str(xml);
        let (mut path, mut values) = (Vec::<String>::new(), Vec::new());
        let mut text = String::new();
        loop {
            match reader.read_event()? {
                Event::Start(start) => {
                    let attribute = |name: &str| -> Result<Option<String>> {
                        let found = start.try_get_attribute(name)?;
                        Ok(found.map(|it| String::from_utf8_lossy(&it.value).into_owned()))
                    };
                    if path.is_empty() {
                        let namespace = attribute("xmlns")?;
                        ensure!(
                            namespace.as_deref() == Some(NAMESPACE),
                            "its namespace is {namespace:?}"
                        );
                        path.push(String::new());
                    } else {
                        let name = String::from_utf8_lossy(start.name().as_ref()).into_owned();
                        path.push(attribute("pass")?.or(attribute("name")?).unwrap_or(name));
                    }
                    text.clear();
                }
                Event::Text(piece) => text += &piece.decode()?,
                Event::GeneralRef(entity) => match entity.resolve_char_ref()? {
                    Some(letter) => text.push(letter),
                    None => {
                        let name = entity.decode()?;
                        let stands_for = resolve_predefined_entity(&name);
                        text += stands_for.with_context(|| format!("&{name}; is unknown"))?;
                    }
                },
                Event::End(_) => {
                    if !text.trim().is_empty() {
                        values.push((path[1..].join("/"), std::mem::take(&mut text)));
                    }
                    text.clear();
                    path.pop();
                }
                Event::Eof => break,
                _ => {}
            }
        }
        ensure!(path.is_empty() && !values.is_empty(), "it is not whole");
        Ok(Self(values))
    }

    /// Every value there.
    pub(super) fn all(&self, path: &str) -> Vec<&str> {
        let there = self.0.iter().filter(|(at, _)| at == path);
        there.map(|(_, value)| value.as_str()).collect()
    }

    /// The only value there.
    pub(super) fn one(&self, path: &str) -> Result<&str> {
        match self.all(path)[..] {
            [value] => Ok(value),
            [] => bail!("{path} is missing"),
            _ => bail!("{path} is said more than once"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_read_with_their_paths() {
        let xml = r#"<?xml version="1.0"?><unattend xmlns="urn:schemas-microsoft-com:unattend">
            <settings pass="windowsPE"><component name="Microsoft-Windows-Setup" language="neutral">
            <UserData><AcceptEula>true</AcceptEula><FullName>a &amp;&lt;&#98;</FullName></UserData>
            </component></settings></unattend>"#;
        let answers = Answers::read(xml).expect("it is one");
        let at = |name: &str| format!("windowsPE/Microsoft-Windows-Setup/UserData/{name}");
        assert_eq!(answers.one(&at("AcceptEula")).expect("there"), "true");
        assert_eq!(answers.one(&at("FullName")).expect("there"), "a &<b");
        assert!(answers.one(&at("ProductKey")).is_err());
    }

    #[test]
    fn what_is_no_answer_file_is_told() {
        let check = |xml: &str, expect: &str| {
            let error = Answers::read(xml).err().expect("it is none");
            assert!(format!("{error:#}").contains(expect), "{xml}: {error:#}");
        };
        check("", "not whole");
        check("<unattend/>", "not whole");
        check("<unattend><a>b</a></unattend>", "namespace is None");
        check(
            r#"<unattend xmlns="urn:schemas-microsoft-com:unattend"><a>b</c>"#,
            "",
        );
        check(
            r#"<unattend xmlns="urn:schemas-microsoft-com:unattend"><a>&x;</a></unattend>"#,
            "&x; is unknown",
        );
    }
}
