//! Service groups ("Service Sink and Service Group Objects"): a request queues a DPC, and the DPC serves every member.

use std::cell::{Cell, RefCell};
use std::ffi::c_void;
use std::rc::{Rc, Weak};

use waverig_portcls::status::{STATUS_INVALID_PARAMETER, STATUS_SUCCESS};
use waverig_portcls::{IServiceSink, NTSTATUS, id};

use super::super::com::{self, HostObject, Method, Ref, Table};
use super::super::{rules, unsupported};
use crate::imports::Levels;
use crate::nt::dpc;
use crate::{call, finding};

/// A member of PortCls's own.
pub(super) trait Sink {
    /// The device asks for service. DISPATCH_LEVEL.
    fn serve(&self);
}

enum Member {
    Own(Weak<dyn Sink>),
    Driver(Ref<IServiceSink>),
}

/// A service group.
#[derive(Default)]
pub(crate) struct ServiceGroup {
    members: RefCell<Vec<Rc<Member>>>,
    /// Its DPC waits to run; a DPC is queued once.
    queued: Cell<bool>,
}

impl ServiceGroup {
    /// Queues the DPC. Any IRQL.
    pub(super) fn request(self: &Rc<Self>) {
        if self.queued.replace(true) {
            return;
        }
        let group = Rc::clone(self);
        dpc::insert_kernel(move || {
            group.queued.set(false);
            group.serve();
        });
    }

    fn serve(&self) {
        let members = self.members.borrow().clone();
        for member in members {
            match &*member {
                Member::Own(sink) => {
                    if let Some(sink) = sink.upgrade() {
                        sink.serve();
                    }
                }
                Member::Driver(sink) => {
                    let function = sink.table().RequestService;
                    // SAFETY: the sink's table.
                    unsafe {
                        call::driver("IServiceSink::RequestService", function, (sink.this(),))
                    };
                }
            }
        }
    }

    /// Adds a member of PortCls's own.
    pub(super) fn join(&self, sink: &Rc<impl Sink + 'static>) {
        let sink: Rc<dyn Sink> = Rc::clone(sink) as Rc<dyn Sink>;
        let member = Rc::new(Member::Own(Rc::downgrade(&sink)));
        self.members.borrow_mut().push(member);
    }

    /// Takes it out again.
    pub(super) fn leave(&self, sink: *const ()) {
        let is = |member: &Member| matches!(member, Member::Own(known) if known.as_ptr().cast::<()>() == sink);
        self.members.borrow_mut().retain(|member| !is(member));
    }
}

pub(crate) extern "win64" fn pc_new_service_group(
    out: *mut *mut c_void,
    outer: *mut c_void,
) -> NTSTATUS {
    if out.is_null() {
        return STATUS_INVALID_PARAMETER;
    }
    if !outer.is_null() {
        unsupported("an aggregated service group", "cyclic/service.rs");
    }
    let group = Rc::new(ServiceGroup::default());
    let pointer = com::give(&group, &id::IID_IServiceGroup).expect("its own interface");
    // SAFETY: the driver's variable; a bad address faults into a report.
    unsafe { *out = pointer };
    STATUS_SUCCESS
}

extern "win64" fn request_service(this: *mut c_void) {
    com::host::<ServiceGroup>(this).request();
}

extern "win64" fn add_member(this: *mut c_void, sink: *mut c_void) -> NTSTATUS {
    let group = com::host::<ServiceGroup>(this);
    if com::known::<ServiceGroup>(sink).is_some() {
        unsupported("a service group in a service group", "cyclic/service.rs");
    }
    let Some(sink) = Ref::<IServiceSink>::share(sink) else {
        return STATUS_INVALID_PARAMETER;
    };
    group
        .members
        .borrow_mut()
        .push(Rc::new(Member::Driver(sink)));
    STATUS_SUCCESS
}

extern "win64" fn remove_member(this: *mut c_void, sink: *mut c_void) {
    let group = com::host::<ServiceGroup>(this);
    let is =
        |member: &Rc<Member>| matches!(&**member, Member::Driver(known) if known.this() == sink);
    let place = group.members.borrow().iter().position(is);
    let Some(place) = place else {
        let text = format!("RemoveMember was called with {sink:p}, which is no member");
        finding::raise(&rules::SERVICE_MEMBER, text);
        return;
    };
    let gone = group.members.borrow_mut().remove(place);
    drop(gone);
}

/// Delayed requests are for MIDI and DirectMusic ("help MIDI and DMus port drivers avoid dropping hardware interrupts").
extern "win64" fn delayed(_this: *mut c_void) {
    unsupported("a delayed service request", "cyclic/service.rs")
}

const SINK: Method = Method {
    name: "IServiceSink::RequestService",
    function: request_service as *const (),
    // Notify calls it at any level; the page's PASSIVE_LEVEL of the group's method contradicts that.
    levels: Levels::ANY,
    source: "portcls/nf-portcls-iservicesink-requestservice",
};

macro_rules! method {
    ($name:literal, $function:expr, $source:literal) => {
        Method {
            name: $name,
            function: $function as *const (),
            levels: Levels::PASSIVE,
            source: $source,
        }
    };
}

static GROUP: Table = Table {
    iid: id::IID_IServiceGroup,
    methods: &[
        SINK,
        method!(
            "IServiceGroup::AddMember",
            add_member,
            "portcls/nf-portcls-iservicegroup-addmember"
        ),
        method!(
            "IServiceGroup::RemoveMember",
            remove_member,
            "portcls/nf-portcls-iservicegroup-removemember"
        ),
        method!(
            "IServiceGroup::SupportDelayedService",
            delayed,
            "portcls/nf-portcls-iservicegroup-supportdelayedservice"
        ),
        method!(
            "IServiceGroup::RequestDelayedService",
            delayed,
            "portcls/nf-portcls-iservicegroup-requestdelayedservice"
        ),
        method!(
            "IServiceGroup::CancelDelayedService",
            delayed,
            "portcls/nf-portcls-iservicegroup-canceldelayedservice"
        ),
    ],
};
static SINK_ALONE: Table = Table {
    iid: id::IID_IServiceSink,
    methods: &[SINK],
};

impl HostObject for ServiceGroup {
    fn name(&self) -> String {
        "service group".into()
    }

    fn tables(&self) -> &'static [&'static Table] {
        static TABLES: [&Table; 2] = [&GROUP, &SINK_ALONE];
        &TABLES
    }
}
