//! Names of functions as people write them: PDBs spell Rust's types in the way that debuggers for C++ understand.

/// What stands before a type in brackets, and before and after it in the source.
const SPELLED: &[(&str, &str, &str)] = &[
    ("enum2$<", "", ""),
    ("ref_mut$<", "&mut ", ""),
    ("ref$<", "&", ""),
    ("ptr_mut$<", "*mut ", ""),
    ("ptr_const$<", "*const ", ""),
    ("slice2$<", "[", "]"),
    ("tuple$<", "(", ")"),
];
/// Depth of type arguments that is shown.
const DEPTH: usize = 1;

/// The name without the list of its arguments, with types as in the source, and with `…` for types within types. A name that is not
/// balanced stays as it is.
pub fn short(name: &str) -> String {
    spelled(without_arguments(name)).unwrap_or_else(|| name.to_owned())
}

fn without_arguments(name: &str) -> &str {
    let mut depth = 0_usize;
    for (index, letter) in name.char_indices() {
        match letter {
            '<' => depth += 1,
            '>' => depth = depth.saturating_sub(1),
            '(' if depth == 0
                && index > 0
                && name.ends_with(')')
                && !name[..index].ends_with("operator") =>
            {
                return &name[..index];
            }
            _ => {}
        }
    }
    name
}

fn spelled(name: &str) -> Option<String> {
    let mut out = String::new();
    // What closes each open bracket, and whether it is one of a list of type arguments.
    let mut open: Vec<(&str, bool)> = Vec::new();
    let mut rest = name;
    while let Some(letter) = rest.chars().next() {
        let depth = open.iter().filter(|(_, list)| *list).count();
        let hidden = depth > DEPTH;
        if let Some((word, before, after)) =
            SPELLED.iter().find(|(word, ..)| rest.starts_with(word))
        {
            if !hidden {
                out.push_str(before);
            }
            open.push((if hidden { "" } else { after }, false));
            rest = &rest[word.len()..];
            continue;
        }
        match letter {
            '<' => {
                if depth == DEPTH {
                    out.push_str("<…>");
                } else if !hidden {
                    out.push('<');
                }
                open.push((if depth < DEPTH { ">" } else { "" }, true));
            }
            '>' => out.push_str(open.pop()?.0),
            // The format puts a space between two that close.
            ' ' if rest.starts_with(" >") => {}
            _ if hidden => {}
            letter => out.push(letter),
        }
        rest = &rest[letter.len_utf8()..];
    }
    open.is_empty().then_some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_the_source() {
        let check = |name: &str, expect: &str| assert_eq!(short(name), expect, "{name}");
        check(
            "waverig::cable::Cable::advance",
            "waverig::cable::Cable::advance",
        );
        check(
            "enum2$<core::option::Option<waverig::a::B> >::map<u8,u16>",
            "core::option::Option<waverig::a::B>::map<u8,u16>",
        );
        check(
            "core::ptr::drop_in_place<a::B<c::D<e::F>,g::H> >",
            "core::ptr::drop_in_place<a::B<…>>",
        );
        check("f<ref$<slice2$<u8> > >", "f<&[u8]>");
        check("f<tuple$<u8,ptr_mut$<u16> > >", "f<(u8,*mut u16)>");
        check("CMiniport::Init(unsigned int, void *)", "CMiniport::Init");
        check("Box::operator()", "Box::operator()");
        check("Box::operator->", "Box::operator->");
    }
}
