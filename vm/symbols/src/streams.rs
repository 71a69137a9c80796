//! The parts of a PDB, for comparing two of them: a PDB is a file of numbered streams, some of which have names.
//!
//! Source: LLVM, "The PDB File Format": "The MSF File Format", "The PDB Info Stream".

use std::io::Cursor;

use pdb_addr2line::pdb::{PDB, StreamIndex};

/// The streams that have a fixed place.
const FIXED: [&str; 5] = [
    "the old directory",
    "the PDB's identifier and names",
    "types",
    "modules and sections",
    "functions' identifiers",
];

/// All streams with what they are called; `None` for something that is no PDB.
pub fn streams(pdb: &[u8]) -> Option<Vec<(String, Vec<u8>)>> {
    let mut pdb = PDB::open(Cursor::new(pdb)).ok()?;
    let information = pdb.pdb_information().ok()?;
    let names = information.stream_names().ok()?;
    let named = |index: u16| {
        let found = names.iter().find(|name| name.stream_id.0 == index)?;
        Some(found.name.to_string().into_owned())
    };
    let mut streams = Vec::new();
    for index in 0..u16::MAX {
        let Ok(Some(stream)) = pdb.raw_stream(StreamIndex(index)) else {
            break;
        };
        let name = match FIXED.get(usize::from(index)) {
            Some(name) => (*name).to_owned(),
            None => named(index).unwrap_or_else(|| "a module's symbols, or a table".to_owned()),
        };
        streams.push((
            format!("stream {index} ({name})"),
            stream.as_slice().to_vec(),
        ));
    }
    Some(streams)
}
