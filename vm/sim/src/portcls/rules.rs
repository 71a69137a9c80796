//! The rules between an audio driver and the port class driver: one row each, with the page that states it.

use crate::rules::Rule;

macro_rules! rules {
    ($($name:ident: $id:literal, $fatal:literal, $title:literal, $source:literal;)*) => {
        $(#[doc = $title] pub(crate) static $name: Rule = Rule { id: $id, fatal: $fatal, title: $title, source: $source };)*
        /// The port class driver's rules.
        pub(crate) static TABLE: &[&Rule] = &[$(&$name),*];
    };
}

rules! {
    COM_BAD_POINTER: "com-bad-pointer", true,
        "A method is called on an interface pointer that PortCls handed out, of that interface.",
        "portcls.h";
    COM_USE_AFTER_FREE: "com-use-after-free", true,
        "No method is called on an object after its last reference was released.",
        "IUnknown::Release";
    COM_OVER_RELEASE: "com-over-release", true,
        "An object is released as often as it was referenced.",
        "IUnknown::Release";
    COM_QUERY: "com-query-interface", false,
        "QueryInterface gives an interface and success, or NULL and a failure.",
        "IUnknown::QueryInterface";
    COM_LEAK: "com-leak", false,
        "Every reference on an object is released before the device is removed.",
        "IUnknown::Release";
    EXTENSION_SIZE: "adapter-extension-size", false,
        "The size of the device extension is 0 or at least PORT_CLASS_DEVICE_EXTENSION_SIZE.",
        "portcls/nf-portcls-pcaddadapterdevice";
    MAX_OBJECTS: "adapter-max-objects", false,
        "No more subdevices are registered than PcAddAdapterDevice was told.",
        "portcls/nf-portcls-pcaddadapterdevice";
    POWER_TWICE: "adapter-power-management-twice", false,
        "PcRegisterAdapterPowerManagement and PcUnregisterAdapterPowerManagement take turns.",
        "Driver Verifier, audio domain: PcRegisterAdapterPower rule, bug check 0xC4 (0x00071006)";
    POWER_REQUESTED: "adapter-power-request", false,
        "A miniport asks for no power state with PoRequestPowerIrp: that is PortCls's affair.",
        "Driver Verifier, audio domain: PcPoRequestPowerIrp rule, bug check 0xC4 (0x0007100A)";
    POWER_INTERFACE: "adapter-power-management-interface", false,
        "The object given to PcRegisterAdapterPowerManagement has IAdapterPowerManagement.",
        "portcls/nf-portcls-pcregisteradapterpowermanagement";
    PNP_TWICE: "adapter-pnp-management-twice", false,
        "PcRegisterAdapterPnpManagement and PcUnregisterAdapterPnpManagement take turns.",
        "portcls/nf-portcls-pcunregisteradapterpnpmanagement";
    STOP_SUBDEVICES: "pnp-stop-subdevices", false,
        "A stopped device has no subdevices left: PcRebalanceRemoveSubdevices.",
        "Implement PnP Rebalance for PortCls Audio Drivers";
    POSITION_PAUSED: "position-paused", false,
        "The position of a paused stream stands, also over a sleep of the device.",
        "State Transitions; portcls/nf-portcls-iadapterpowermanagement-powerchangestate";
    NOT_AN_ADAPTER: "adapter-unknown-device", false,
        "PortCls is called with a device object that PcAddAdapterDevice made.",
        "portcls.h";
    SUBDEVICE_NAME: "subdevice-name", false,
        "Each subdevice has a name of its own.",
        "portcls/nf-portcls-pcregistersubdevice";
    SUBDEVICE_PORT: "subdevice-port", false,
        "A subdevice is a port that was initialised.",
        "portcls/nf-portcls-pcregistersubdevice";
    CONNECTION_PIN: "physical-connection-pin", false,
        "A physical connection leads from an output pin of a registered subdevice to an input pin of another.",
        "portcls/nf-portcls-pcregisterphysicalconnection";
    PORT_INIT: "port-init", false,
        "A port is initialised once, with a miniport of its kind.",
        "portcls/nf-portcls-iport-init";
    DESCRIPTION: "filter-description", false,
        "A filter's description has sizes, counts and pointers that fit together.",
        "portcls/ns-portcls-pcfilter_descriptor";
    AUTOMATION: "automation-table", false,
        "An automation table has item sizes that are multiples of 8 and hold an item, and items with a set, verbs and a handler.",
        "portcls/ns-portcls-pcautomation_table";
    PIN_DESCRIPTION: "pin-description", false,
        "A pin's direction, communication and instance counts fit together; a bridge pin has no instances and no automation.",
        "portcls/ns-portcls-pcpin_descriptor";
    NODE_DESCRIPTION: "node-description", false,
        "A node has a type, and a name when the filter has several nodes of its type.",
        "portcls/ns-portcls-pcnode_descriptor";
    CONNECTION: "filter-connection", false,
        "A connection inside a filter joins pins and nodes that exist, from where data comes to where it goes.",
        "portcls/ns-portcls-pcconnection_descriptor";
    DATA_RANGE: "data-range", false,
        "A data range's size fits its specifier, and its limits are in order.",
        "ksmedia/ns-ksmedia-ksdatarange_audio";
    ATTRIBUTES: "data-range-attributes", false,
        "A data range with KSDATARANGE_ATTRIBUTES is followed by a list of whole attributes.",
        "ks/ns-ks-ksattribute_list; Audio Signal Processing Modes";
    INTERSECTION: "data-range-intersection", false,
        "DataRangeIntersection answers length 0 with the size and STATUS_BUFFER_OVERFLOW, a shorter one with STATUS_BUFFER_TOO_SMALL, and fills exactly what it announced.",
        "portcls/nf-portcls-iminiport-datarangeintersection";
    INTERSECTION_FORMAT: "data-range-intersection-format", false,
        "The format an intersection gives is whole and lies in the driver's range.",
        "portcls/nf-portcls-iminiport-datarangeintersection";
    PROPERTY_SIZE: "property-value-size", false,
        "A property handler leaves in ValueSize how much it wrote or needs, never more than there was room for on success.",
        "portcls/ns-portcls-_pcproperty_request";
    PROPERTY_PENDING: "property-pending", false,
        "The simulator's PortCls does not carry on properties whose handler returns STATUS_PENDING.",
        "portcls/nf-portcls-pccompletependingpropertyrequest";
    MODES: "signal-processing-modes", false,
        "GetModes gives the count without an array, STATUS_BUFFER_TOO_SMALL with a short one, and then modes with RAW or DEFAULT among them; a bridge pin has none, and no other pin exists.",
        "portcls/nf-portcls-iminiportaudiosignalprocessing-getmodes; Audio Signal Processing Modes";
    STREAM_NEW: "new-stream", false,
        "NewStream gives a stream with success and none with a failure.",
        "portcls/nf-portcls-iminiportwavert-newstream";
    STREAM_START: "new-stream-position", false,
        "A new stream is stopped at position 0.",
        "portcls/nf-portcls-iminiportwavert-newstream";
    STREAM_LEAK: "stream-leak", false,
        "A stream is gone when its pin is closed.",
        "portcls/nf-portcls-iminiportwavert-newstream, reference counting";
    STATE_REFUSED: "set-state", false,
        "SetState takes each step between STOP, ACQUIRE, PAUSE and RUN.",
        "portcls/nf-portcls-iminiportwavertstream-setstate";
    POSITION_RANGE: "position-range", false,
        "GetPosition gives byte offsets inside the buffer, at a frame's start.",
        "portcls/nf-portcls-iminiportwavertstream-getposition";
    POSITION_STATE: "position-state", false,
        "The position is 0 in STOP.",
        "State Transitions; portcls/nf-portcls-iminiportwavertstream-setstate";
    BUFFER_SIZE: "buffer-size", false,
        "A buffer is at least as large as was asked for, a whole number of frames, and lies inside its MDL.",
        "KSPROPERTY_RTAUDIO_BUFFER; portcls/nf-portcls-iminiportwavertstream-allocateaudiobuffer";
    BUFFER_MEMORY: "buffer-memory", false,
        "A buffer's MDL came from the port stream and is not freed while the client uses it.",
        "portcls/nf-portcls-iportwavertstream-allocatepagesformdl";
    BUFFER_SILENT: "buffer-not-zeroed", false,
        "A new buffer holds silence: the client sees its pages.",
        "portcls/nf-portcls-iportwavertstream-allocatepagesformdl";
    MAP_TWICE: "buffer-mapped-twice", false,
        "Pages are mapped once at a time.",
        "Driver Verifier 0xC4, 0x71004";
    UNMAP: "buffer-unmap", false,
        "What MapAllocatedPages gave is unmapped once, with its MDL, before the pages are freed.",
        "Driver Verifier 0xC4, 0x71009; portcls/nf-portcls-iportwavertstream-mapallocatedpages";
    FREE_PAGES: "buffer-free-pages", false,
        "FreePagesFromMdl gets what AllocatePagesForMdl gave, once.",
        "portcls/nf-portcls-iportwavertstream-freepagesfrommdl";
    PAGES_LEAK: "buffer-leak", false,
        "Pages are freed before the pin is closed.",
        "portcls/nf-portcls-iminiportwavertstream-freeaudiobuffer";
    PACKET_DIRECTION: "packet-direction", false,
        "Only a render stream has IMiniportWaveRTOutputStream, only a capture stream IMiniportWaveRTInputStream.",
        "portcls/nn-portcls-iminiportwavertoutputstream; portcls/nn-portcls-iminiportwavertinputstream";
    PACKET_COUNT: "packet-count", false,
        "The packet count is the position in whole packets, never goes back, and is 0 in STOP.",
        "portcls/nf-portcls-iminiportwavertoutputstream-getpacketcount";
    PRESENTATION: "presentation-position", false,
        "A presentation position has a time that has been, never goes back, and is 0 in STOP.",
        "portcls/nf-portcls-iminiportwavertoutputstream-getoutputstreampresentationposition";
    READ_PACKET: "read-packet", false,
        "Packets to read come in order, without flags, with a time that has been.",
        "portcls/nf-portcls-iminiportwavertinputstream-getreadpacket";
    CYCLIC_STREAM: "cyclic-new-stream", false,
        "NewStream of a WaveCyclic miniport hands over a stream, a DMA channel and a service group that PcNewServiceGroup made.",
        "portcls/nf-portcls-iminiportwavecyclic-newstream";
    CYCLIC_BUFFER: "cyclic-buffer", false,
        "A WaveCyclic stream has a cyclic buffer from the start, of whole frames, no larger than what was allocated.",
        "portcls/nf-portcls-iminiportwavecyclic-newstream; portcls/nf-portcls-idmachannel-buffersize";
    CYCLIC_FRAMING: "cyclic-notification-size", false,
        "SetNotificationFreq says how many bytes are played in the interval.",
        "portcls/nf-portcls-iminiportwavecyclicstream-setnotificationfreq";
    CYCLIC_NORMALIZE: "cyclic-normalize-position", false,
        "NormalizePhysicalPosition makes units of 100 ns of bytes.",
        "portcls/nf-portcls-iminiportwavecyclicstream-normalizephysicalposition";
    CYCLIC_SILENCE: "cyclic-silence", false,
        "Silence fills the bytes that it is given with silence.",
        "portcls/nf-portcls-iminiportwavecyclicstream-silence";
    CYCLIC_NOTIFY: "cyclic-notify-group", false,
        "Notify is called with a service group of the miniport's.",
        "portcls/nf-portcls-iportwavecyclic-notify";
    CYCLIC_LATE: "cyclic-notification-late", false,
        "A running WaveCyclic stream notifies its port at the interval that it was asked for, and in any case before what the port copied is played.",
        "portcls/nf-portcls-iportwavecyclic-notify; audio: WaveCyclic Latency";
    CYCLIC_POSITION: "cyclic-position", false,
        "The position of a WaveCyclic stream goes on with time, and never back.",
        "portcls/nf-portcls-iminiportwavecyclicstream-getposition";
    DMA_TWICE: "dma-buffer-twice", false,
        "A DMA channel's buffer is allocated once, unless it was freed.",
        "portcls/nf-portcls-idmachannel-allocatebuffer";
    DMA_RANGE: "dma-copy-range", false,
        "CopyTo and CopyFrom stay inside the channel's buffer.",
        "portcls/nf-portcls-idmachannel-copyto";
    SERVICE_MEMBER: "service-group-member", false,
        "RemoveMember is called with a member of the service group.",
        "portcls/nf-portcls-iservicegroup-removemember";
    REGISTRATION_LEFT: "registration-left", false,
        "A miniport takes back what it registered with its port: stream resources, callbacks, notification buffers.",
        "portcls/nf-portcls-iportclsstreamresourcemanager-removestreamresource";
    REMOVE_STATUS: "pnp-remove", false,
        "IRP_MN_REMOVE_DEVICE succeeds.",
        "kernel: Handling an IRP_MN_REMOVE_DEVICE Request";
}
