//! The files of one scenario: what was heard, what was observed, what was found out.

use std::fs;
use std::io;
use std::path::Path;

use serde::Serialize;
use waverig_protocol::Program;
use waverig_protocol::scenario::{Format, Sample};
use waverig_signal::wav;

use super::write;
use crate::evidence::{Evidence, Piece};
use crate::scenario::ScenarioFile;
use crate::verdict::ScenarioReport;

/// Writes `capture.wav` (and `capture-recorder-1.wav`, … for other programs), `timeline.jsonl` and `verdict.json`,
/// `events.jsonl` when the driver recorded events, `log.txt` when there is a log, and `report.txt` and `report.json` after a
/// crash. What a former run left there is removed. The files depend on nothing but the evidence.
///
/// Frames that were not captured are silent in `capture.wav`, so that its time is the stream's.
///
/// # Errors
/// Names the file that could not be written.
pub fn write_scenario(
    folder: &Path,
    file: &ScenarioFile,
    evidence: &Evidence,
    report: &ScenarioReport,
) -> io::Result<()> {
    let captures: Vec<(Program, String)> = file
        .scenario
        .programs()
        .into_iter()
        .map(|program| (program, capture_name(program)))
        .collect();
    let others = ["events.jsonl", "log.txt", "report.txt", "report.json"];
    for name in captures.iter().map(|(_, name)| name.as_str()).chain(others) {
        match fs::remove_file(folder.join(name)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                let path = folder.join(name);
                let text = format!("cannot remove the former {}: {error}", path.display());
                return Err(io::Error::new(error.kind(), text));
            }
            _ => {}
        }
    }
    write(folder, "timeline.jsonl", &lines(&evidence.timeline)?)?;
    if !evidence.recorded.is_empty() {
        write(folder, "events.jsonl", &lines(&evidence.recorded)?)?;
    }
    let mut verdict = serde_json::to_vec_pretty(report)?;
    verdict.push(b'\n');
    write(folder, "verdict.json", &verdict)?;
    for (program, name) in &captures {
        let pieces = evidence.capture_of(*program);
        if let Some(format) = file.scenario.format_of(*program)
            && !pieces.is_empty()
        {
            let mut capture = Vec::new();
            wav::write(&mut capture, shown(format), &audio(format, pieces))?;
            write(folder, name, &capture)?;
        }
    }
    if !evidence.log.is_empty() {
        write(
            folder,
            "log.txt",
            (evidence.log.join("\n") + "\n").as_bytes(),
        )?;
    }
    if let Some(fault) = &evidence.fault {
        write(folder, "report.txt", fault.text.as_bytes())?;
        if !fault.json.is_empty() {
            write(folder, "report.json", &fault.json)?;
        }
    }
    Ok(())
}

/// Writes `verdict.json` of a sweep. Of a sweep that played one format alone, everything that [`write_scenario`] writes: that is
/// how a format is looked at.
///
/// # Errors
/// Names the file that could not be written.
pub fn write_sweep(
    folder: &Path,
    file: &ScenarioFile,
    parts: &[Evidence],
    report: &ScenarioReport,
) -> io::Result<()> {
    if let ([file], [evidence]) = (&file.parts()[..], parts) {
        return write_scenario(folder, file, evidence, report);
    }
    let mut verdict = serde_json::to_vec_pretty(report)?;
    verdict.push(b'\n');
    write(folder, "verdict.json", &verdict)?;
    // Of a crash there is one report.
    match parts.iter().find_map(|part| part.fault.as_ref()) {
        Some(fault) => write(folder, "report.txt", fault.text.as_bytes()),
        None => Ok(()),
    }
}

/// One line of JSON each.
fn lines(all: &[impl Serialize]) -> io::Result<Vec<u8>> {
    let mut out = Vec::new();
    for one in all {
        serde_json::to_writer(&mut out, one)?;
        out.push(b'\n');
    }
    Ok(out)
}

/// The format that `capture.wav` names. Common tools refuse 24 valid bits in a container of 32 (SoX 14.4) or take them
/// for floats (FFmpeg 5.1); the same bytes named 32-bit PCM are read by all.
fn shown(format: Format) -> Format {
    let sample = match format.sample {
        Sample::Pcm24In32 => Sample::Pcm32,
        other => other,
    };
    Format { sample, ..format }
}

/// Longest gap that is filled with silence: ten minutes at 192 kHz. A longer one comes from a damaged index.
const MOST_FRAMES: u64 = 600 * 192_000;

/// The capture as one stretch.
fn audio(format: Format, pieces: &[Piece]) -> Vec<u8> {
    let frame_bytes = format.frame_bytes();
    let mut audio: Vec<u8> = Vec::new();
    for piece in pieces
        .iter()
        .filter(|piece| piece.first_frame <= MOST_FRAMES)
    {
        let start = piece.first_frame as usize * frame_bytes;
        let whole = piece.bytes.len() / frame_bytes * frame_bytes;
        let end = start + whole;
        if audio.len() < end {
            audio.resize(end, 0);
        }
        audio[start..end].copy_from_slice(&piece.bytes[..whole]);
    }
    audio
}

/// The file with what a program was given.
fn capture_name(program: Program) -> String {
    match program {
        Program::Main => "capture.wav".into(),
        other => format!("capture-{other}.wav"),
    }
}
