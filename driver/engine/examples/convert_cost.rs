//! Converts a number of frames, for `cargo xtask bench` to count the instructions of:
//! `convert_cost copy|convert FROM-RATE FROM-SAMPLE TO-RATE TO-SAMPLE CHANNELS FRAMES-PER-CALL FRAMES`

use std::env;
use std::hint::black_box;

use waverig_engine::convert::{Converter, Piece, Source, storage_samples};
use waverig_engine::{Format, FrameRate, SampleFormat};

/// The same second of input again and again.
struct Second {
    bytes: Vec<u8>,
    frame_bytes: usize,
}

impl Source for Second {
    fn frames(&self, first: i64, most: u64) -> Piece<'_> {
        let frames = (self.bytes.len() / self.frame_bytes) as i64;
        let first = first.rem_euclid(frames);
        let count = (frames - first).min(most as i64) as usize;
        let start = first as usize * self.frame_bytes;
        Piece::Audio(&self.bytes[start..start + count * self.frame_bytes])
    }
}

fn format(rate: &str, sample: &str, channels: &str) -> Format {
    let sample = match sample {
        "pcm16" => SampleFormat::Pcm16,
        "pcm24" => SampleFormat::Pcm24,
        "pcm24-in32" => SampleFormat::Pcm24In32,
        "pcm32" => SampleFormat::Pcm32,
        "float32" => SampleFormat::Float32,
        other => panic!("there is no sample format {other}"),
    };
    let rate = rate.parse().ok().and_then(FrameRate::new);
    Format {
        rate: rate.expect("a rate in hertz"),
        channels: channels.parse().expect("a number of channels"),
        sample,
        channel_mask: 0,
    }
}

fn main() {
    let words: Vec<String> = env::args().skip(1).collect();
    let [
        what,
        rate,
        sample,
        to_rate,
        to_sample,
        channels,
        per_call,
        frames,
    ] = &words[..]
    else {
        panic!("eight words are needed; the first lines of the source say which");
    };
    let from = format(rate, sample, channels);
    let to = format(to_rate, to_sample, channels);
    let frame_bytes = usize::from(from.frame_bytes());
    let frames: usize = frames.parse().expect("a number of frames");
    let per_call: usize = per_call.parse().expect("a number of frames");
    let second = from.rate.hertz() as usize;
    let source = Second {
        // Half of full scale and below, in every format.
        bytes: (0..second * frame_bytes)
            .map(|at| if at % 4 == 3 { 0x3D } else { (at * 37) as u8 })
            .collect(),
        frame_bytes,
    };
    let mut out = vec![0; per_call * usize::from(to.frame_bytes())];
    if what == "copy" {
        for at in 0..frames / per_call {
            let start = at * per_call % (second - per_call) * frame_bytes;
            let end = start + out.len();
            out.copy_from_slice(black_box(&source.bytes[start..end]));
            black_box(&mut out);
        }
        return;
    }
    let mut converter = Converter::new(&from, &to).expect("these formats convert");
    let mut storage = vec![0; storage_samples(&to)];
    for _ in 0..frames / per_call {
        converter.convert(&source, &mut storage, &mut out);
        black_box(&mut out);
    }
}
