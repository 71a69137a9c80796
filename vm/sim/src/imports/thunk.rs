//! The machine code between the driver and the kernel's functions.
//!
//! Each import has a thunk that loads its number and jumps to `entry`. `entry` saves argument and non-volatile registers,
//! asks `on_entry` for the function, puts `exit` in the place of the return address, and jumps to the function with the
//! arguments untouched (registers and stack, so variadic functions work). The function returns to `exit`, which asks
//! `on_exit` for the address in the driver.

use std::arch::naked_asm;
use std::cell::{Cell, RefCell};

use super::{on_entry, on_exit};
use crate::host::{PAGE_SIZE, Protection, memory};

/// Bytes of one thunk.
const THUNK: usize = 32;
/// Thunks of one machine.
const CAPACITY: usize = 4096;

/// Executable memory for thunks: written while not executable, executable while not writable.
#[derive(Debug, Default)]
pub(super) struct Arena {
    base: Cell<usize>,
    used: Cell<usize>,
    pages: RefCell<Vec<usize>>,
}

impl Arena {
    /// Writes the thunk of import `index` and gives its address.
    pub(super) fn add(&self, index: u32) -> usize {
        if self.base.get() == 0 {
            let base = memory::reserve(CAPACITY * THUNK).expect("address space for import thunks");
            self.base.set(base.as_ptr() as usize);
        }
        let number = self.used.get();
        assert!(
            number < CAPACITY,
            "more than {CAPACITY} imports: raise CAPACITY in imports/thunk.rs"
        );
        self.used.set(number + 1);
        let address = self.base.get() + number * THUNK;
        let page = address / PAGE_SIZE * PAGE_SIZE;
        let fresh = !self.pages.borrow().contains(&page);
        let mut code = Vec::with_capacity(THUNK);
        // mov r11d, index: r11 is volatile and carries no argument.
        code.extend([0x41, 0xBB]);
        code.extend(index.to_le_bytes());
        // jmp [rip + 0], followed by the address.
        code.extend([0xFF, 0x25, 0, 0, 0, 0]);
        code.extend((entry as *const () as usize).to_le_bytes());
        // SAFETY: the page lies in the reserved arena, holds only thunks of this thread's machine, and nothing runs in it
        // while it is being written: the machine has one thread.
        unsafe {
            let start = page as *mut u8;
            if fresh {
                memory::commit(start, PAGE_SIZE, Protection::ReadWrite)
                    .expect("memory for import thunks");
                self.pages.borrow_mut().push(page);
            } else {
                memory::protect(start, PAGE_SIZE, Protection::ReadWrite)
                    .expect("own pages can be made writable");
            }
            std::ptr::copy_nonoverlapping(code.as_ptr(), address as *mut u8, code.len());
            memory::protect(start, PAGE_SIZE, Protection::ReadExecute)
                .expect("own pages can be made executable");
        }
        address
    }
}

/// Where every thunk goes. On entry: r11 = number of the import, everything else as the driver left it.
/// The saved block is `super::Saved`; 0xC8 bytes keep the stack aligned (it is 8 off after the driver's call).
#[unsafe(naked)]
extern "win64" fn entry() {
    naked_asm!(
        "sub rsp, 0xC8",
        "mov [rsp + 0x20], rcx",
        "mov [rsp + 0x28], rdx",
        "mov [rsp + 0x30], r8",
        "mov [rsp + 0x38], r9",
        "mov [rsp + 0x40], rbx",
        "mov [rsp + 0x48], rbp",
        "mov [rsp + 0x50], rsi",
        "mov [rsp + 0x58], rdi",
        "mov [rsp + 0x60], r12",
        "mov [rsp + 0x68], r13",
        "mov [rsp + 0x70], r14",
        "mov [rsp + 0x78], r15",
        "movaps [rsp + 0x80], xmm0",
        "movaps [rsp + 0x90], xmm1",
        "movaps [rsp + 0xA0], xmm2",
        "movaps [rsp + 0xB0], xmm3",
        "mov ecx, r11d",
        "mov rdx, rsp",
        "call {on_entry}",
        "mov rcx, [rsp + 0x20]",
        "mov rdx, [rsp + 0x28]",
        "mov r8, [rsp + 0x30]",
        "mov r9, [rsp + 0x38]",
        "movaps xmm0, [rsp + 0x80]",
        "movaps xmm1, [rsp + 0x90]",
        "movaps xmm2, [rsp + 0xA0]",
        "movaps xmm3, [rsp + 0xB0]",
        "add rsp, 0xC8",
        "jmp rax",
        on_entry = sym on_entry,
    )
}

/// Where every served function returns to: goes on in the driver with rax and xmm0 as the function left them.
#[unsafe(naked)]
pub(super) extern "win64" fn exit() {
    naked_asm!(
        "sub rsp, 0x40",
        "mov [rsp + 0x20], rax",
        "movaps [rsp + 0x30], xmm0",
        "mov rcx, rax",
        "call {on_exit}",
        "mov r11, rax",
        "mov rax, [rsp + 0x20]",
        "movaps xmm0, [rsp + 0x30]",
        "add rsp, 0x40",
        "jmp r11",
        on_exit = sym on_exit,
    )
}

#[cfg(test)]
mod tests {
    use crate::imports::{Levels, export};
    use crate::kernel::{Kernel, Options};

    extern "win64" fn sum(a: u64, b: u64, c: u64, d: u64, e: u64, f: f64) -> f64 {
        (a + 10 * b + 100 * c + 1000 * d + 10_000 * e) as f64 + f
    }

    #[test]
    fn a_thunk_passes_all_arguments_and_the_result() {
        Kernel::boot(Options::default());
        let address = export("sum", sum as *const (), Levels::ANY, "test");
        assert_eq!(
            address,
            export("sum", sum as *const (), Levels::ANY, "test"),
            "one thunk per name"
        );
        // SAFETY: the thunk leads to `sum`, whose signature this is.
        let through: extern "win64" fn(u64, u64, u64, u64, u64, f64) -> f64 =
            unsafe { std::mem::transmute(address) };
        for _ in 0..3 {
            assert_eq!(through(1, 2, 3, 4, 5, 0.25), 54321.25);
        }
    }
}
