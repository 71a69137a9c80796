// The driver of a desk: a speaker whose audio goes into a file, and a microphone that counts. One line here for each file's part.
#pragma once
#include "../kernel.h"

constexpr ULONG TAG = 'kseD';

/// Which of the two devices.
enum class Side { Speaker, Microphone };

// settings.cpp
/// What the INF wrote for the device.
struct Settings {
    /// Whether what the speaker plays is kept in a file.
    ULONG SaveStreams;
    /// Which deliberate fault to commit.
    ULONG Fault;
};
NTSTATUS ReadSettings(PDEVICE_OBJECT physical, Settings *settings);

// trace.cpp
void TraceStart();
void TraceStop();
void TraceState(Side side, ULONG state);

// save.cpp
/// A file that frames are written into by a work item, in the order in which they were given.
class Save {
public:
    static Save *Create(PDEVICE_OBJECT device, const WAVEFORMATEX &format);
    /// DISPATCH_LEVEL or below.
    void Take(const UCHAR *bytes, ULONG count);
    /// PASSIVE_LEVEL: writes the rest, and the header anew.
    ~Save();

private:
    Save() = default;
    NTSTATUS Open(PDEVICE_OBJECT device);
    void Work();
    void Write(const void *bytes, ULONG count, LONGLONG where);
    void Header();
    static IO_WORKITEM_ROUTINE OnWork;

    static constexpr ULONG RING = 1 << 16;
    static constexpr ULONG HEADER = 44;
    WAVEFORMATEX m_format;
    PIO_WORKITEM m_item;
    HANDLE m_file;
    KMUTEX m_mutex;
    KEVENT m_idle;
    KSPIN_LOCK m_lock;
    bool m_queued;
    ULONGLONG m_taken;
    ULONGLONG m_written;
    UCHAR *m_ring;
};

// filters.cpp
const PCFILTER_DESCRIPTOR *WaveFilter(Side side);
const PCFILTER_DESCRIPTOR *TopologyFilter(Side side);
enum WavePin : ULONG { WAVE_STREAM, WAVE_BRIDGE };
enum TopologyPin : ULONG { TOPOLOGY_IN, TOPOLOGY_OUT };
enum TopologyNode : ULONG { NODE_VOLUME, NODE_MUTE };

// controls.cpp
NTSTATUS NTAPI OnVolume(PPCPROPERTY_REQUEST request);
NTSTATUS NTAPI OnMute(PPCPROPERTY_REQUEST request);
NTSTATUS NTAPI OnJack(PPCPROPERTY_REQUEST request);
NTSTATUS NTAPI OnJack2(PPCPROPERTY_REQUEST request);
NTSTATUS NTAPI OnJack3(PPCPROPERTY_REQUEST request);
/// What the nodes of a topology were set to, for each channel.
struct Controls {
    LONG Volume[2];
    LONG Mute[2];
};

// topology.cpp
NTSTATUS CreateTopology(PUNKNOWN *out, Side side);
Controls *ControlsOf(PUNKNOWN topology);

// wave.cpp
NTSTATUS CreateWave(PUNKNOWN *out, Side side, PDEVICE_OBJECT device, const Settings &settings);

// stream.cpp
NTSTATUS CreateStream(PMINIPORTWAVERTSTREAM *out, Side side, PPORTWAVERTSTREAM port, PDEVICE_OBJECT device, const Settings &settings,
                      const WAVEFORMATEX &format);
/// The wave format of a pin's format, when the desk takes it.
const WAVEFORMATEX *Accepted(const KSDATAFORMAT *format);

// Deliberate faults, by the number that the INF writes: only a build with DESK_FAULTS commits them.
enum Fault : ULONG {
    FAULT_NONE,
    /// Calls what the simulator does not have.
    FAULT_MISSING_IMPORT,
    /// The microphone's topology filter has no pin to the outside.
    FAULT_NO_BRIDGE,
    /// Finds a corrupt list entry.
    FAULT_FAST_FAIL,
    /// Never gives a block of pool back.
    FAULT_LEAK,
    /// Writes to its file from the timer's routine.
    FAULT_WRITE_RAISED,
    /// Raises an exception that nobody handles.
    FAULT_UNHANDLED,
    /// Says that its jack is two, in one of its descriptions.
    FAULT_JACK,
    /// Uses a stream without looking whether there was memory for it.
    FAULT_UNCHECKED,
    /// Believes any channel that a client names.
    FAULT_CHANNEL,
};
#ifdef DESK_FAULTS
inline ULONG g_fault;
inline bool FaultIs(Fault fault)
{
    return g_fault == fault;
}
#else
constexpr bool FaultIs(Fault)
{
    return false;
}
#endif
