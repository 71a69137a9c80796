//! Against a pipe of this process's own, as a virtual machine would make it.

use std::os::windows::ffi::OsStrExt as _;
use std::thread;

use windows_sys::Win32::Foundation::INVALID_HANDLE_VALUE;
use windows_sys::Win32::Storage::FileSystem::PIPE_ACCESS_DUPLEX;
use windows_sys::Win32::System::Pipes::{CreateNamedPipeW, DisconnectNamedPipe};

use super::*;

/// A server's end with one instance, byte by byte, for synchronous I/O: two threads must not use it at once.
fn server(name: &str) -> File {
    let wide: Vec<u16> = std::ffi::OsStr::new(name)
        .encode_wide()
        .chain([0])
        .collect();
    // SAFETY: a name that ends with 0, and no attributes.
    let handle = unsafe {
        CreateNamedPipeW(
            wide.as_ptr(),
            PIPE_ACCESS_DUPLEX,
            0,
            1,
            4096,
            4096,
            0,
            ptr::null(),
        )
    };
    assert!(
        handle != INVALID_HANDLE_VALUE,
        "{}",
        io::Error::last_os_error()
    );
    // SAFETY: it was just made.
    unsafe { OwnedHandle::from_raw_handle(handle) }.into()
}

fn name(test: &str) -> String {
    format!(r"\\.\pipe\waverig-test-{}-{test}", std::process::id())
}

#[test]
fn a_pipe_that_is_not_there_is_not_found() {
    let error = connect(&name("none"))
        .map(drop)
        .expect_err("nobody made it");
    assert_eq!(error.kind(), io::ErrorKind::NotFound);
}

#[test]
fn a_waiting_reader_holds_no_writer_and_closing_frees_it() {
    let name = name("both");
    let mut server = server(&name);
    let Ends {
        mut input,
        mut output,
        close,
    } = connect(&name).expect("it is there");
    let reader = thread::spawn(move || {
        let mut all = Vec::new();
        let mut byte = [0];
        while input.read(&mut byte).expect("a closed pipe is an end") == 1 {
            all.push(byte[0]);
        }
        all
    });
    // The server writes nothing before it has read: with one operation at a time this would never end.
    output.write_all(b"request").expect("the pipe takes it");
    let mut request = [0; 7];
    server.read_exact(&mut request).expect("it arrives");
    assert_eq!(&request, b"request");
    server.write_all(b"reply").expect("the pipe takes it");
    // More than the pipe holds, so that this is read before the end comes.
    output.write_all(&[1; 3]).expect("the pipe takes it");
    server.read_exact(&mut request[..3]).expect("it arrives");
    drop(server);
    assert_eq!(reader.join().expect("it ends"), b"reply");
    close();
    assert!(output.write(b"more").is_err());
}

#[test]
fn closing_ends_a_reader_whose_machine_says_nothing() {
    let name = name("silent");
    let server = server(&name);
    let Ends {
        mut input, close, ..
    } = connect(&name).expect("it is there");
    let reader = thread::spawn(move || input.read(&mut [0]).map_err(|error| error.to_string()));
    close();
    assert_eq!(reader.join().expect("it ends"), Ok(0));
    // SAFETY: a pipe of this process.
    unsafe { DisconnectNamedPipe(server.as_raw_handle()) };
}
