//! The first difference of two files that should be equal, in words: which section, function, field, line, stream or element.

use std::path::Path;

use waverig_package::pe;

/// What is the matter with `name` that was built twice; `None` when both are equal. `pdb` has the symbols of the first, for images.
pub fn explain(name: &str, one: &[u8], two: &[u8], pdb: Option<&Path>) -> Option<String> {
    if one == two {
        return None;
    }
    let extension = Path::new(name)
        .extension()
        .unwrap_or_default()
        .to_string_lossy()
        .to_lowercase();
    let known = match extension.as_str() {
        "sys" | "exe" | "dll" => image(one, two, pdb),
        "pdb" => symbols(one, two),
        "cat" => element(one, two),
        "inf" | "json" | "txt" | "md" => line(one, two),
        _ => None,
    };
    Some(known.unwrap_or_else(|| bytes(one, two)))
}

fn image(one: &[u8], two: &[u8], pdb: Option<&Path>) -> Option<String> {
    let found = pe::difference(one, two).ok()??;
    let symbol = found.address.zip(pdb).and_then(|(address, pdb)| {
        let symbols = waverig_symbols::find(pdb, address as usize);
        let symbol = waverig_symbols::headline(&symbols)?;
        let function = symbol.function.as_deref()?;
        let place = symbol.file.as_deref().zip(symbol.line);
        Some(match place {
            Some((file, line)) => format!(", in {function} ({file}:{line})"),
            None => format!(", in {function}"),
        })
    });
    Some(found.what + &symbol.unwrap_or_default() + &near(one, two, found.at))
}

fn symbols(one: &[u8], two: &[u8]) -> Option<String> {
    let (one, two) = (
        waverig_symbols::streams(one)?,
        waverig_symbols::streams(two)?,
    );
    if one.len() != two.len() {
        return Some(format!("{} or {} streams", one.len(), two.len()));
    }
    // The identifier is made of everything else.
    let mut pairs: Vec<_> = one.iter().zip(&two).collect();
    if pairs.len() > 1 {
        let identifier = pairs.remove(1);
        pairs.push(identifier);
    }
    let ((name, a), (_, b)) = pairs.into_iter().find(|(a, b)| a.1 != b.1)?;
    Some(format!("{name}: {}", bytes(a, b)))
}

/// The first line that differs.
fn line(one: &[u8], two: &[u8]) -> Option<String> {
    let (one, two) = (text(one)?, text(two)?);
    let longest = one.lines().count().max(two.lines().count());
    let (mut a, mut b) = (one.lines(), two.lines());
    let at = (1..=longest).find_map(|number| {
        let (a, b) = (a.next(), b.next());
        (a != b).then_some((number, a, b))
    });
    let said = |line: Option<&str>| line.map_or("its end".to_owned(), |line| format!("{line:?}"));
    Some(match at {
        Some((number, a, b)) => format!("line {number}: {} or {}", said(a), said(b)),
        None => "the ends of lines".to_owned(),
    })
}

/// Text in UTF-8 or, with its mark, UTF-16 as INFs may have it.
fn text(bytes: &[u8]) -> Option<String> {
    match bytes.strip_prefix(&[0xFF, 0xFE]) {
        Some(wide) => {
            let units: Vec<u16> = wide
                .chunks_exact(2)
                .map(|pair| u16::from_le_bytes([pair[0], pair[1]]))
                .collect();
            String::from_utf16(&units).ok()
        }
        None => String::from_utf8(bytes.to_vec()).ok(),
    }
}

/// The innermost DER element in which two messages differ, by the numbers of the elements on the way to it.
fn element(one: &[u8], two: &[u8]) -> Option<String> {
    let mut path = Vec::new();
    let (mut one, mut two) = (one, two);
    loop {
        let (a, b) = (elements(one)?, elements(two)?);
        if a.len() != b.len() {
            return Some(format!(
                "element {}: {} or {} parts",
                said(&path),
                a.len(),
                b.len()
            ));
        }
        let (at, (a, b)) = a.iter().zip(&b).enumerate().find(|(_, (a, b))| a != b)?;
        path.push(at + 1);
        let constructed = |tag: u8| tag & 0x20 != 0;
        if a.tag != b.tag {
            return Some(format!(
                "element {}: tag {:#04x} or {:#04x}",
                said(&path),
                a.tag,
                b.tag
            ));
        }
        if !constructed(a.tag) || elements(a.content).is_none() || elements(b.content).is_none() {
            return Some(format!(
                "element {} (tag {:#04x}): {}",
                said(&path),
                a.tag,
                bytes(a.content, b.content)
            ));
        }
        (one, two) = (a.content, b.content);
    }
}

fn said(path: &[usize]) -> String {
    let numbers: Vec<String> = path.iter().map(usize::to_string).collect();
    numbers.join(".")
}

#[derive(PartialEq, Eq)]
struct Element<'a> {
    tag: u8,
    content: &'a [u8],
}

/// DER elements one after the other; `None` when it is something else.
fn elements(mut bytes: &[u8]) -> Option<Vec<Element<'_>>> {
    let mut found = Vec::new();
    while let [tag, length, rest @ ..] = bytes {
        let (size, rest) = match usize::from(*length) {
            short @ 0..0x80 => (short, rest),
            long => {
                let digits = rest
                    .get(..long & 0x7F)
                    .filter(|digits| (1..=4).contains(&digits.len()))?;
                let size = digits
                    .iter()
                    .fold(0, |size, digit| size << 8 | usize::from(*digit));
                (size, &rest[digits.len()..])
            }
        };
        found.push(Element {
            tag: *tag,
            content: rest.get(..size)?,
        });
        bytes = &rest[size..];
    }
    bytes.is_empty().then_some(found)
}

/// The first byte that differs, and the text around it.
fn bytes(one: &[u8], two: &[u8]) -> String {
    let first = one.iter().zip(two).position(|(a, b)| a != b);
    let Some(at) = first else {
        return format!(
            "{} or {} bytes, the first {} of them equal",
            one.len(),
            two.len(),
            one.len().min(two.len())
        );
    };
    let length = if one.len() == two.len() {
        String::new()
    } else {
        format!(" ({} or {} bytes)", one.len(), two.len())
    };
    let hex = |bytes: &[u8]| {
        let bytes: Vec<String> = bytes[at..]
            .iter()
            .take(8)
            .map(|byte| format!("{byte:02x}"))
            .collect();
        bytes.join(" ")
    };
    format!(
        "offset {at:#x}{length}: {} or {}{}",
        hex(one),
        hex(two),
        near(one, two, at)
    )
}

/// The text in which a place lies, when it is text in both: a path or a name says more than bytes.
fn near(one: &[u8], two: &[u8], at: usize) -> String {
    const LONGEST: usize = 80;
    const SHORTEST: usize = 5;
    let around = |bytes: &[u8]| {
        let printable = |byte: &&u8| (0x20..0x7F).contains(*byte);
        let before = bytes
            .get(..at)?
            .iter()
            .rev()
            .take_while(printable)
            .take(LONGEST)
            .count();
        let after = bytes
            .get(at..)?
            .iter()
            .take_while(printable)
            .take(LONGEST)
            .count();
        let text = String::from_utf8_lossy(&bytes[at - before..at + after]).into_owned();
        (text.len() >= SHORTEST).then_some(text)
    };
    match around(one).zip(around(two)) {
        Some((one, two)) => format!(", in the text {one:?} or {two:?}"),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(name: &str, one: &[u8], two: &[u8], expect: &str) {
        let found = explain(name, one, two, None);
        assert!(
            found.as_deref().is_some_and(|found| found.contains(expect)),
            "{found:?} does not say {expect:?}"
        );
    }

    #[test]
    fn equal_files_need_no_words() {
        assert_eq!(explain("x.inf", b"a", b"a", None), None);
    }

    #[test]
    fn text_is_told_by_lines() {
        check(
            "x.inf",
            b"a\r\nb\r\n",
            b"a\r\nc\r\n",
            "line 2: \"b\" or \"c\"",
        );
        check("x.json", b"a\n", b"a\nb\n", "line 2: its end or \"b\"");
        check("x.inf", b"a\r\n", b"a\n", "the ends of lines");
        let wide = |text: &str| {
            let units = text.encode_utf16().flat_map(u16::to_le_bytes);
            [0xFF, 0xFE].into_iter().chain(units).collect::<Vec<u8>>()
        };
        check(
            "x.inf",
            &wide("[Version]\nä=1"),
            &wide("[Version]\nä=2"),
            "line 2: \"ä=1\" or \"ä=2\"",
        );
    }

    #[test]
    fn catalogs_are_told_by_elements() {
        let message = |byte: u8| [0x30, 0x08, 0x02, 0x01, 0x01, 0x30, 0x03, 0x04, 0x01, byte];
        check(
            "x.cat",
            &message(5),
            &message(6),
            "element 1.2.1 (tag 0x04): offset 0x0: 05 or 06",
        );
        let mut other = message(5);
        other[7] = 0x02;
        check(
            "x.cat",
            &message(5),
            &other,
            "element 1.2.1: tag 0x04 or 0x02",
        );
        check(
            "x.cat",
            &[0x30, 0x02, 0x05, 0x00],
            &[0x30, 0x04, 0x05, 0x00, 0x05, 0x00],
            "element 1: 1 or 2 parts",
        );
        // Damaged ones still have a first byte.
        check("x.cat", &[0x30, 0x84], &[0x30, 0x85], "offset 0x1");
    }

    #[test]
    fn bytes_are_told_with_the_text_around_them() {
        check(
            "x.bin",
            b"\0/home/a/src\0",
            b"\0/home/b/src\0",
            "in the text \"/home/a/src\" or \"/home/b/src\"",
        );
        check(
            "x.bin",
            &[1, 2, 3],
            &[1, 9, 3, 4],
            "offset 0x1 (3 or 4 bytes): 02 03 or 09 03 04",
        );
        check(
            "x.bin",
            b"a",
            b"ab",
            "1 or 2 bytes, the first 1 of them equal",
        );
        check("x.pdb", b"no", b"pdb", "offset 0x0");
        check("x.sys", b"no", b"image", "offset 0x0");
    }
}
