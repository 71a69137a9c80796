//! The zip that people download: the same files give the same bytes, on every host and at any time.

use std::io::{Cursor, Write as _};

use waverig_package::Date;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipWriter};

/// A zip of `files` (name and content) below `folder`, in the order of their names, all of them of one day.
///
/// # Errors
/// A day or a name that zip cannot write.
pub fn zip(folder: &str, files: &[(&str, &[u8])], day: Date) -> Result<Vec<u8>, String> {
    let refused = |what: &str, error: &dyn std::fmt::Display| {
        format!("{what} does not go into a zip: {error}")
    };
    let time = DateTime::from_date_and_time(day.year, day.month, day.day, 0, 0, 0)
        .map_err(|error| refused(&day.to_string(), &error))?;
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .last_modified_time(time)
        .unix_permissions(0o644);
    let mut files = files.to_vec();
    files.sort_unstable_by_key(|(name, _)| *name);
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in files {
        writer
            .start_file(format!("{folder}/{name}"), options)
            .map_err(|error| refused(name, &error))?;
        writer
            .write_all(bytes)
            .map_err(|error| refused(name, &error))?;
    }
    let done = writer.finish().map_err(|error| refused(folder, &error))?;
    Ok(done.into_inner())
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use zip::ZipArchive;

    use super::*;

    #[test]
    fn the_order_of_the_files_does_not_matter_and_they_come_out_again() {
        let day = Date::new(2026, 11, 20).unwrap();
        let one = zip("x-1", &[("b.sys", &[1; 5000]), ("a.inf", b"text")], day).unwrap();
        let two = zip("x-1", &[("a.inf", b"text"), ("b.sys", &[1; 5000])], day).unwrap();
        assert_eq!(one, two);
        assert!(
            one.len() < 1000,
            "{} bytes: it is not compressed",
            one.len()
        );
        let mut read = ZipArchive::new(Cursor::new(one)).unwrap();
        let names: Vec<String> = read
            .file_names()
            .map(|name| name.unwrap().into_owned())
            .collect();
        assert_eq!(names, ["x-1/a.inf", "x-1/b.sys"]);
        let mut file = read.by_name("x-1/b.sys").unwrap();
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).unwrap();
        assert_eq!(bytes, [1; 5000]);
        let stated = file.last_modified().unwrap();
        assert_eq!(
            (stated.year(), stated.month(), stated.day()),
            (2026, 11, 20)
        );
    }

    #[test]
    fn a_day_before_zip_is_refused() {
        let day = Date::new(1979, 12, 31).unwrap();
        assert!(zip("x", &[], day).unwrap_err().contains("1979-12-31"));
    }
}
