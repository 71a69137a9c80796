//! Text from a machine, made safe for the files it goes into.

/// For Markdown tables and lines: nothing in it is markup, nothing breaks the line or the table.
pub(super) fn markdown(text: &str) -> String {
    let mut out = String::new();
    for character in text.chars() {
        match character {
            '\n' | '\r' => out.push(' '),
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '\\' | '`' | '*' | '_' | '|' | '[' | ']' | '#' | '~' | '@' => {
                out.push('\\');
                out.push(character);
            }
            other if other.is_control() => out.push('\u{fffd}'),
            other => out.push(other),
        }
    }
    out
}

/// For a Markdown code span.
pub(super) fn code(text: &str) -> String {
    let text: String = text
        .chars()
        .map(|character| match character {
            '`' => '\'',
            other if other.is_control() => ' ',
            other => other,
        })
        .collect();
    format!("`{text}`")
}

/// For XML 1.0, which has no way at all to say most control characters; markup is escaped by the writer. `]]>` would
/// end a CDATA section.
pub(super) fn xml(text: &str) -> String {
    let allowed: String = text
        .chars()
        .map(|character| match character {
            '\n' | '\t' => character,
            '\u{fffe}' | '\u{ffff}' => '\u{fffd}',
            other if other.is_control() => '\u{fffd}',
            other => other,
        })
        .collect();
    allowed.replace("]]>", "]] >")
}

/// For an HTML page, in text and in attributes.
pub(super) fn html(text: &str) -> String {
    let mut out = String::new();
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\n' | '\t' => out.push(character),
            other if other.is_control() => out.push('\u{fffd}'),
            other => out.push(other),
        }
    }
    out
}

/// For a terminal: no control characters, so that a machine's text cannot move the cursor or change colours.
pub(super) fn terminal(text: &str) -> String {
    text.chars()
        .map(|character| {
            if character.is_control() {
                ' '
            } else {
                character
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    fn check(escape: fn(&str) -> String, text: &str, expect: &str) {
        assert_eq!(escape(text), expect);
    }

    #[test]
    fn nothing_in_a_text_is_markup() {
        check(
            super::markdown,
            "a|b\n<c> `d`\u{1b}",
            "a\\|b &lt;c&gt; \\`d\\`\u{fffd}",
        );
        check(super::code, "a`b\nc", "`a'b c`");
        check(super::xml, "a\u{0}b]]>c\n", "a\u{fffd}b]] >c\n");
        check(
            super::html,
            "<a b='c\">&\u{0}\n",
            "&lt;a b=&#39;c&quot;&gt;&amp;\u{fffd}\n",
        );
        check(super::terminal, "a\u{1b}[31mb", "a [31mb");
    }
}
