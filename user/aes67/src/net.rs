//! Sockets: on one interface, for several listeners, with the time at which a packet came.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, UdpSocket};

use anyhow::{Context as _, Result};
use socket2::{Domain, Protocol, Socket, Type};

use crate::clock::{self, Local};

/// Says whether this host has the address, and how to find one that it has.
///
/// # Errors
/// When it has not.
pub fn has(interface: Ipv4Addr) -> Result<()> {
    let list = if cfg!(windows) {
        "ipconfig"
    } else {
        "ip -4 address"
    };
    UdpSocket::bind((interface, 0)).map(drop).with_context(|| {
        format!(
            "no interface of this host has the address {interface}; `{list}` lists those that there are, --interface takes one"
        )
    })
}

fn udp() -> io::Result<Socket> {
    Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP))
}

/// Listens to a group on one interface, beside others who listen to the same port. What is sent goes out there, too.
///
/// # Errors
/// What the system says of the port.
pub fn listen(interface: Ipv4Addr, group: Ipv4Addr, port: u16) -> Result<UdpSocket> {
    has(interface)?;
    let any = SocketAddr::from((Ipv4Addr::UNSPECIFIED, port));
    let make = || {
        let socket = udp()?;
        socket.set_reuse_address(true)?;
        // Else Linux also gives what other interfaces joined.
        #[cfg(target_os = "linux")]
        socket.set_multicast_all_v4(false)?;
        socket.bind(&any.into())?;
        socket.join_multicast_v4(&group, &interface)?;
        socket.set_multicast_if_v4(&interface)?;
        // Receivers on this host are no less.
        socket.set_multicast_loop_v4(true)?;
        io::Result::Ok(socket.into())
    };
    make().with_context(|| match port {
        ..1024 if cfg!(unix) => format!(
            "UDP port {port} on {interface} cannot be listened to: another program has it for itself alone, or this user may not; \
             root may, and `setcap cap_net_bind_service=+ep` lets this program"
        ),
        _ => format!(
            "UDP port {port} on {interface} cannot be listened to: another program has it for itself alone; end that, or let it share the port"
        ),
    })
}

/// A socket that sends to one address from one interface.
///
/// # Errors
/// What the system says of the addresses.
pub fn sender(interface: Ipv4Addr, to: SocketAddrV4, ttl: u8, class: u8) -> Result<UdpSocket> {
    has(interface)?;
    let make = || {
        let socket = udp()?;
        socket.bind(&SocketAddr::from((interface, 0)).into())?;
        socket.set_multicast_if_v4(&interface)?;
        socket.set_multicast_ttl_v4(ttl.into())?;
        socket.set_ttl_v4(ttl.into())?;
        socket.set_multicast_loop_v4(true)?;
        // Some milliseconds of many channels, so that a burst after a stall is no loss.
        socket.set_send_buffer_size(1 << 20)?;
        let socket: UdpSocket = socket.into();
        dscp(&socket, class);
        socket.connect(to)?;
        io::Result::Ok(socket)
    };
    make().with_context(|| {
        format!(
            "nothing can be sent to {to} from {interface}; is there a route, and is the group one?"
        )
    })
}

/// Marks what a socket sends. Linux does; Windows takes the number and sends 0 ("IPPROTO_IP socket options": marks are for the QoS API and
/// for policies, docs/aes67.md).
pub fn dscp(socket: &UdpSocket, class: u8) {
    // Audio goes on without it.
    let _ = socket2::SockRef::from(socket).set_tos_v4(u32::from(class) << 2);
}

/// A socket that tells when a packet came.
pub struct Stamped(UdpSocket);

impl Stamped {
    /// Makes the system take the time, where it can and will.
    #[must_use]
    pub fn new(socket: UdpSocket) -> Self {
        #[cfg(target_os = "linux")]
        {
            use nix::sys::socket::{setsockopt, sockopt::ReceiveTimestampns};
            // Else the time is that of the call's return.
            let _ = setsockopt(&socket, ReceiveTimestampns, &true);
        }
        Self(socket)
    }

    /// The next packet's length and time.
    ///
    /// # Errors
    /// What the system says; nothing came within the socket's time limit.
    #[cfg(not(target_os = "linux"))]
    pub fn receive(&self, buffer: &mut [u8]) -> io::Result<(usize, Local)> {
        let length = self.0.recv(buffer)?;
        Ok((length, clock::now()))
    }

    /// The next packet's length and time. The kernel takes the time by the day's clock, which is related to the monotonic one at once:
    /// whoever sets that clock moves it by no more than it does in some microseconds.
    ///
    /// # Errors
    /// What the system says; nothing came within the socket's time limit.
    #[cfg(target_os = "linux")]
    pub fn receive(&self, buffer: &mut [u8]) -> io::Result<(usize, Local)> {
        use std::io::IoSliceMut;
        use std::os::fd::AsRawFd as _;
        use std::time::{Duration, SystemTime};

        use nix::sys::socket::{ControlMessageOwned, MsgFlags, SockaddrIn, recvmsg};
        use nix::sys::time::TimeSpec;

        let mut room = nix::cmsg_space!(TimeSpec);
        let mut parts = [IoSliceMut::new(buffer)];
        let flags = MsgFlags::empty();
        let message =
            recvmsg::<SockaddrIn>(self.0.as_raw_fd(), &mut parts, Some(&mut room), flags)?;
        let (day, now) = (SystemTime::now(), clock::now());
        let stamp = message.cmsgs()?.find_map(|part| match part {
            ControlMessageOwned::ScmTimestampns(time) => Some(Duration::from(time)),
            _ => None,
        });
        let age = stamp.and_then(|stamp| {
            let day = day.duration_since(SystemTime::UNIX_EPOCH).ok()?;
            let age = day.checked_sub(stamp)?;
            // More: the day's clock was set in between.
            (age < Duration::from_secs(1)).then_some(age.as_nanos() as i64)
        });
        Ok((message.bytes, now - age.unwrap_or(0)))
    }
}
