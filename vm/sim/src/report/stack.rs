//! The stack of a report: the driver's frames, and between them the calls into and out of the kernel.

use super::StackFrame;
use crate::call::{Frame, Nonvolatile};
use crate::host::{RBP, RBX, RDI, RSI, RSP, Registers, memory};
use crate::image::{self, symbols, unwind};
use crate::kernel::Kernel;

/// Frames of one stretch of driver code that are shown.
const LIMIT: usize = 48;

/// The whole stack, innermost first. `fault` are the registers of a fault, if there was one.
pub(super) fn walk(kernel: &Kernel, fault: Option<&Registers>) -> Vec<StackFrame> {
    let mut frames = Vec::new();
    if let Some(registers) = fault {
        start_at_fault(registers, &mut frames);
    }
    nest(kernel, &kernel.calls.nest(), &mut frames);
    let elsewhere = kernel.calls.nest_elsewhere();
    if !elsewhere.is_empty() {
        frames.push(step("the other processor meanwhile".into()));
        nest(kernel, &elsewhere, &mut frames);
    }
    frames
}

fn nest(kernel: &Kernel, nest: &[Frame], frames: &mut Vec<StackFrame>) {
    for frame in nest.iter().rev() {
        match frame {
            Frame::IntoKernel {
                import,
                return_address,
                stack,
                registers,
                ..
            } => {
                frames.push(step(format!("{} (kernel)", kernel.imports.name(*import))));
                driver_frames(&resume(*return_address, *stack, registers), true, frames);
            }
            Frame::IntoDriver { name, .. } => frames.push(step(format!("the kernel calls {name}"))),
        }
    }
}

fn step(function: String) -> StackFrame {
    StackFrame {
        function: Some(function),
        ..StackFrame::default()
    }
}

fn start_at_fault(registers: &Registers, frames: &mut Vec<StackFrame>) {
    if image::contains(registers.rip as usize) {
        driver_frames(registers, false, frames);
        return;
    }
    frames.push(StackFrame {
        place: format!("{:#x}", registers.rip),
        ..StackFrame::default()
    });
    // A call through a bad pointer: the return address still lies on top of the stack.
    let caller = memory::read_word(registers.general[RSP]);
    if let Some(rip) = caller.filter(|rip| image::contains(*rip as usize)) {
        let mut caller = *registers;
        caller.rip = rip;
        caller.general[RSP] += 8;
        driver_frames(&caller, true, frames);
    }
}

/// The driver's registers once the call into the kernel returns.
fn resume(return_address: usize, stack: usize, saved: &Nonvolatile) -> Registers {
    let mut registers = Registers {
        rip: return_address as u64,
        ..Registers::default()
    };
    let general = &mut registers.general;
    general[RSP] = stack as u64;
    general[RBX] = saved.rbx;
    general[RBP] = saved.rbp;
    general[RSI] = saved.rsi;
    general[RDI] = saved.rdi;
    general[12..16].copy_from_slice(&[saved.r12, saved.r13, saved.r14, saved.r15]);
    registers
}

fn driver_frames(start: &Registers, mut is_return: bool, frames: &mut Vec<StackFrame>) {
    let mut registers = *start;
    for _ in 0..LIMIT {
        let Some(image) = image::at(registers.rip as usize) else {
            return;
        };
        let offset = registers.rip as usize - image.base;
        // A return address belongs to the instruction after the call.
        let probe = offset - usize::from(is_return && offset > 0);
        let found = symbols::find(image, probe);
        let place = format!("{}+{offset:#x}", image.name);
        if found.is_empty() {
            frames.push(StackFrame {
                place,
                ..StackFrame::default()
            });
        } else {
            frames.extend(found.into_iter().map(|symbol| StackFrame {
                place: place.clone(),
                function: symbol.function,
                file: symbol.file,
                line: symbol.line,
            }));
        }
        // The function to undo is that of the call, not of the instruction after it, which may be the next function.
        let inside = Registers {
            rip: registers.rip - u64::from(is_return),
            ..registers
        };
        let Some(caller) = unwind::step(image, &inside, &memory::read_word) else {
            return;
        };
        registers = caller;
        is_return = true;
    }
}
