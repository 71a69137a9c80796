//! The dumps that tests make, as a reader sees them that was written for real ones: kdmp-parser.

use std::io::Cursor;

use kdmp_parser::gxa::{Gva, Gxa};
use kdmp_parser::parse::KernelDumpParser;
use kdmp_parser::virt;

use super::builder::{NT, STACK, WAVERIG};
use super::page_fault;

#[test]
fn kdmp_parser_reads_what_was_laid_out() {
    let machine = page_fault();
    for (kind, file) in [
        ("complete", machine.complete()),
        ("kernel", machine.kernel(6)),
        ("active", machine.kernel(5)),
    ] {
        let parser = KernelDumpParser::with_reader(Cursor::new(file)).expect(kind);
        assert_eq!(parser.headers().bug_check_code, 0xD1);
        assert_eq!(
            parser.headers().bug_check_code_parameters[3],
            WAVERIG + 0x1A2B
        );
        assert_eq!(parser.context_record().rip, machine.rip);
        assert_eq!(parser.context_record().rsp, STACK);
        let mut modules: Vec<_> = parser
            .kernel_modules()
            .map(|(range, name)| (range.start.u64(), range.end.u64(), name.to_owned()))
            .collect();
        modules.sort();
        let laid_out = machine.images.iter().map(|image| {
            (
                image.base,
                image.base + u64::from(image.size),
                image.name.to_owned(),
            )
        });
        assert_eq!(modules, laid_out.collect::<Vec<_>>(), "{kind}");
        let memory = virt::Reader::new(&parser);
        let word: u64 = memory
            .read_struct(Gva::new(STACK + 0x08))
            .expect("is there");
        assert_eq!(word, NT + 0x40_1234, "{kind}");
    }
}
