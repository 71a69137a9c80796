//! The agent's serial port: a pseudo terminal, which Wine serves as one.

use std::cell::Cell;
use std::os::unix::fs::symlink;
use std::sync::mpsc::channel;
use std::thread;

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{OptionalActions, tcgetattr, tcsetattr};
use waverig_protocol::window::WINDOW;

use super::*;

#[test]
fn the_agent_for_windows_speaks_over_a_serial_port() {
    let rig = Rig::new("wine-serial");
    let wine = Wine::start();
    let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY;
    let host = openpt(flags).expect("this host has pseudo terminals");
    grantpt(&host).expect("it is ours");
    unlockpt(&host).expect("it is ours");
    let name = ptsname(&host, Vec::new()).expect("it has a name");
    let name = name.into_string().expect("it is text");
    // Held open: a line that nobody has open is at its end.
    let guest = File::options().read(true).write(true).open(&name);
    let guest = guest.expect("it is ours");
    let mut attributes = tcgetattr(&guest).expect("it is a terminal");
    attributes.make_raw();
    tcsetattr(&guest, OptionalActions::Now, &attributes).expect("it is a terminal");
    let port = wine.prefix.join("dosdevices/com9");
    let _ = fs::remove_file(&port);
    symlink(&name, &port).expect("the prefix is writable");
    let mut agent = wine.start_agent(&rig.folder, &["--serial", "COM9"]);
    let host = File::from(host);
    let (tell, told) = channel();
    let mut input = host.try_clone().expect("it is open");
    thread::spawn(move || {
        while let Ok((reply, _)) = frame::read::<Reply>(&mut input) {
            let _ = tell.send(reply);
        }
    });
    // How much the agent says that it takes; this line waits for whoever does not read, so the test may send as it likes.
    let window = Cell::new(0);
    let hear = || loop {
        match told.recv_timeout(DEADLINE).expect("the agent speaks") {
            Reply::Window { begin, bytes } => {
                assert_eq!(begin, window.get() == 0, "it begins once");
                window.set(bytes);
            }
            reply => return reply,
        }
    };
    assert!(matches!(hear(), Reply::Up(_)));
    assert_eq!(window.get(), WINDOW, "before anything was sent");
    let version = PROTOCOL_VERSION;
    // More than any buffer on the way holds, of every byte there is; and before it what a firmware says.
    let bytes: Vec<u8> = (0..=255).cycle().take(100_000).collect();
    let requests: [(Request, &[u8]); 2] = [
        (Request::Hello { version }, &[]),
        (Request::Stage { name: "x".into() }, &bytes),
    ];
    for (request, payload) in requests {
        let mut sent = b"WVR is no frame\r\n".to_vec();
        frame::write(&mut sent, &request, payload).expect("memory takes all");
        let mut line = host.try_clone().expect("it is open");
        // In a thread of its own: an agent that has ended takes nothing, which its silence tells.
        thread::spawn(move || std::io::Write::write_all(&mut line, &sent));
        match (hear(), request) {
            (Reply::Ready(_), Request::Hello { .. }) | (Reply::Done, Request::Stage { .. }) => {}
            (other, request) => panic!("{request:?} is answered by {other:?}"),
        }
    }
    let staged = fs::read(rig.folder.join("staged/x")).expect("it was staged");
    assert!(staged == bytes, "{} bytes came", staged.len());
    assert!(window.get() > bytes.len() as u64);
    agent.kill().expect("it runs");
    agent.wait().expect("it was killed");
    fs::remove_file(&port).expect("it was made");
}
