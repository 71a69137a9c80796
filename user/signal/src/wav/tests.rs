//! Round trips, fixed headers and damaged files.

use super::*;

fn format(channels: u16, sample: Sample) -> Format {
    Format {
        rate: 48_000,
        channels,
        sample,
    }
}

fn file(format: Format, frames: usize) -> Vec<u8> {
    let audio: Vec<u8> = (0..frames * format.frame_bytes())
        .map(|at| at as u8)
        .collect();
    let mut file = Vec::new();
    write(&mut file, format, &audio).expect("memory takes it");
    file
}

#[test]
fn frames_survive_in_every_format() {
    for sample in [
        Sample::Pcm16,
        Sample::Pcm24,
        Sample::Pcm24In32,
        Sample::Pcm32,
        Sample::Float32,
    ] {
        for channels in [1, 2, 16] {
            let format = format(channels, sample);
            let file = file(format, 3);
            assert_eq!(file.len() % 2, 0, "{format:?}");
            assert_eq!(le32(&file, 4) as usize, file.len() - 8, "{format:?}");
            let (read_format, frames) = read(&file).expect("a good file");
            assert_eq!(read_format, format);
            assert_eq!(frames.len(), 3 * format.frame_bytes());
            assert_eq!(frames[..2], [0, 1]);
        }
    }
}

#[test]
fn sixteen_bit_stereo_has_the_classic_header() {
    let mut expect = b"RIFF\x28\0\0\0WAVEfmt \x10\0\0\0".to_vec();
    expect.extend([1, 0, 2, 0, 0x80, 0xbb, 0, 0, 0, 0xee, 2, 0, 4, 0, 16, 0]);
    expect.extend(b"data\x04\0\0\0\0\x01\x02\x03");
    assert_eq!(file(format(2, Sample::Pcm16), 1), expect);
}

#[test]
fn what_does_not_fit_is_not_written() {
    let error = write(&mut Vec::new(), format(2, Sample::Pcm24), &[0; 7]).expect_err("half");
    assert!(error.to_string().contains("no whole frames of 6 bytes"));
}

fn check(damage: impl Fn(&mut Vec<u8>), expect: &str) {
    let mut file = file(format(2, Sample::Pcm24), 4);
    damage(&mut file);
    let error = read(&file).expect_err("damaged").to_string();
    assert!(error.contains(expect), "{error:?} does not say {expect:?}");
}

#[test]
fn damaged_files_are_named() {
    check(|file| file[0] = b'X', "RIFF");
    check(|file| file.truncate(file.len() - 1), "claims 24 bytes, 23");
    check(|file| file.truncate(60), "no data");
    check(|file| file[34] = 20, "24 valid of 20 bits");
    check(|file| file[46] = 9, "no known subtype");
    check(|file| file[22] = 0, "0 channels");
    check(|file| file[16] = 2, "at least 16");
    check(|file| file[12] = b'x', "data comes before its format");
}

#[test]
fn no_truncation_panics() {
    let file = file(format(2, Sample::Float32), 4);
    for length in 0..file.len() {
        assert!(read(&file[..length]).is_err(), "{length}");
    }
}
