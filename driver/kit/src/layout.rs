//! Turns the table of structure layouts into assertions that the C parser checks whenever bindings are generated.

use anyhow::{Context, Result, bail};

/// The table: structure, field or `-`, bytes.
pub(crate) const TABLE: &str = include_str!("../data/nt-layout.txt");

/// One C assertion per line of the table.
pub(crate) fn assertions(table: &str) -> Result<String> {
    let mut text = String::new();
    for line in table.lines().map(str::trim) {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let words: Vec<_> = line.split_whitespace().collect();
        let [structure, field, bytes] = words[..] else {
            bail!("nt-layout.txt: {line:?} is not a structure, a field and a number of bytes");
        };
        let digits = bytes
            .strip_prefix("0x")
            .with_context(|| format!("nt-layout.txt: {line:?} has no 0x"))?;
        u32::from_str_radix(digits, 16)
            .with_context(|| format!("nt-layout.txt: {line:?} has no number"))?;
        let measured = match field {
            "-" => format!("sizeof({structure})"),
            field => format!("__builtin_offsetof({structure}, {field})"),
        };
        text += &format!(
            "_Static_assert({measured} == {bytes}, \"{structure} {field} is not {bytes}\");\n"
        );
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_becomes_an_assertion() {
        for (table, expect) in [
            ("# nothing\n\n", ""),
            (
                "IRP - 0xd0",
                "_Static_assert(sizeof(IRP) == 0xd0, \"IRP - is not 0xd0\");\n",
            ),
            (
                "IRP Tail 0x78",
                "_Static_assert(__builtin_offsetof(IRP, Tail) == 0x78, \"IRP Tail is not 0x78\");\n",
            ),
        ] {
            assert_eq!(assertions(table).unwrap(), expect);
        }
    }

    #[test]
    fn a_bad_line_is_named() {
        for table in ["IRP", "IRP - 208", "IRP - 0xzz", "IRP Tail 0x78 0x79"] {
            let error = format!("{:#}", assertions(table).unwrap_err());
            assert!(error.contains(table), "{error}");
        }
    }

    #[test]
    fn the_table_is_good() {
        assert!(assertions(TABLE).unwrap().lines().count() > 40);
    }
}
