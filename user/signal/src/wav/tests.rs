//! Fixed headers, and frames behind them.

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
    for sample in Sample::ALL {
        for channels in [1, 2, 16] {
            let format = format(channels, sample);
            let file = file(format, 3);
            assert_eq!(file.len() % 2, 0, "{format:?}");
            let riff = u32::from_le_bytes(file[4..8].try_into().expect("four bytes"));
            assert_eq!(riff as usize, file.len() - 8, "{format:?}");
            let frames: Vec<u8> = (0..3 * format.frame_bytes()).map(|at| at as u8).collect();
            let data = [b"data", &(frames.len() as u32).to_le_bytes()[..], &frames].concat();
            let padded = file.len() - frames.len() % 2;
            assert!(file[..padded].ends_with(&data), "{format:?}");
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
fn the_extensible_header_says_which_bits_are_valid() {
    // Format tag, channels, rate, bytes per second, frame, container; its rest: valid bits, speakers, subtype.
    let mut expect = b"fmt \x28\0\0\0".to_vec();
    expect.extend([0xfe, 0xff, 2, 0, 0x80, 0xbb, 0, 0, 0, 0xdc, 5, 0]);
    expect.extend([8, 0, 32, 0, 22, 0, 24, 0, 3, 0, 0, 0]);
    let tail = [0, 0, 0, 0, 0x10, 0, 0x80, 0, 0, 0xaa, 0, 0x38, 0x9b, 0x71];
    let integer = [&expect[..], &[1, 0], &tail].concat();
    assert_eq!(file(format(2, Sample::Pcm24In32), 1)[12..60], integer);
    expect[26] = 32;
    let float = [&expect[..], &[3, 0], &tail].concat();
    assert_eq!(file(format(2, Sample::Float32), 1)[12..60], float);
}

#[test]
fn what_does_not_fit_is_not_written() {
    let error = write(&mut Vec::new(), format(2, Sample::Pcm24), &[0; 7]).expect_err("half");
    assert!(error.to_string().contains("no whole frames of 6 bytes"));
}
