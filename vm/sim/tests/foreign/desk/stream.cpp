// A stream: its buffer, its clock, its notifications. What the speaker plays goes into a file; what the microphone hears is its frames'
// numbers.
#include "desk.h"

class Stream : public IMiniportWaveRTStreamNotification, public CUnknown {
public:
    DECLARE_STD_UNKNOWN()
    IMP_IMiniportWaveRTStream;
    STDMETHODIMP_(NTSTATUS)
    AllocateBufferWithNotification(ULONG count, ULONG requested, PMDL *mdl, ULONG *actual, ULONG *offset, MEMORY_CACHING_TYPE *cache) override;
    STDMETHODIMP_(VOID) FreeBufferWithNotification(PMDL mdl, ULONG size) override;
    STDMETHODIMP_(NTSTATUS) RegisterNotificationEvent(PKEVENT event) override;
    STDMETHODIMP_(NTSTATUS) UnregisterNotificationEvent(PKEVENT event) override;

    Stream(Side side, PPORTWAVERTSTREAM port, const WAVEFORMATEX &format)
        : CUnknown(nullptr), m_side(side), m_format(format), m_port(port)
    {
        m_port->AddRef();
        KeInitializeSpinLock(&m_lock);
    }
    ~Stream();
    NTSTATUS Open(PDEVICE_OBJECT device, const Settings &settings);

private:
    ULONGLONG FramesAt(LONGLONG counter) const;
    void Advance();
    void Arm();
    void Fill(ULONGLONG from, ULONGLONG to);
    static VOID NTAPI OnTimer(PEX_TIMER timer, PVOID context);

    static constexpr ULONG EVENTS = 4;
    const Side m_side;
    const WAVEFORMATEX m_format;
    const PPORTWAVERTSTREAM m_port;
    Save *m_save;
    PEX_TIMER m_timer;
    // Everything below is the lock's.
    KSPIN_LOCK m_lock;
    KSSTATE m_state;
    UCHAR *m_buffer;
    ULONG m_bytes;
    ULONG m_packet;
    LONGLONG m_started;
    ULONGLONG m_base;
    ULONGLONG m_done;
    PKEVENT m_events[EVENTS];
};

NTSTATUS CreateStream(PMINIPORTWAVERTSTREAM *out, Side side, PPORTWAVERTSTREAM port, PDEVICE_OBJECT device, const Settings &settings,
                      const WAVEFORMATEX &format)
{
    auto *const stream = new (NonPagedPoolNx, TAG) Stream(side, port, format);
    if (!stream && !FaultIs(FAULT_UNCHECKED)) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    stream->AddRef();
    const NTSTATUS status = stream->Open(device, settings);
    if (NT_SUCCESS(status)) {
        *out = stream;
    } else {
        stream->Release();
    }
    return status;
}

NTSTATUS Stream::Open(PDEVICE_OBJECT device, const Settings &settings)
{
    m_timer = ExAllocateTimer(OnTimer, this, EX_TIMER_HIGH_RESOLUTION);
    if (m_side == Side::Speaker && settings.SaveStreams) {
        m_save = Save::Create(device, m_format);
        if (!m_save) {
            return STATUS_INSUFFICIENT_RESOURCES;
        }
    }
    return m_timer ? STATUS_SUCCESS : STATUS_INSUFFICIENT_RESOURCES;
}

Stream::~Stream()
{
    if (m_timer) {
        ExDeleteTimer(m_timer, TRUE, TRUE, nullptr);
    }
    delete m_save;
    m_port->Release();
}

STDMETHODIMP_(NTSTATUS) Stream::NonDelegatingQueryInterface(REFIID id, PVOID *out)
{
    if (IsEqualGUID(id, IID_IUnknown)) {
        *out = QICASTUNKNOWN(IMiniportWaveRTStreamNotification *);
    } else if (IsEqualGUID(id, IID_IMiniportWaveRTStream) || IsEqualGUID(id, IID_IMiniportWaveRTStreamNotification)) {
        *out = QICAST(IMiniportWaveRTStreamNotification *);
    } else {
        *out = nullptr;
        return STATUS_INVALID_PARAMETER;
    }
    static_cast<PUNKNOWN>(*out)->AddRef();
    return STATUS_SUCCESS;
}

/// Frames that the stream is into its run at this count, in whole frames; the counter's rate times a second's frames fits for months.
ULONGLONG Stream::FramesAt(LONGLONG counter) const
{
    LARGE_INTEGER frequency;
    KeQueryPerformanceCounter(&frequency);
    const ULONGLONG passed = static_cast<ULONGLONG>(counter - m_started), second = static_cast<ULONGLONG>(frequency.QuadPart);
    return m_base + passed / second * m_format.nSamplesPerSec + passed % second * m_format.nSamplesPerSec / second;
}

/// Moves every frame up to now, and tells of the packets that ended with them. With the lock held.
void Stream::Advance()
{
    if (m_state != KSSTATE_RUN) {
        return;
    }
    const ULONGLONG now = FramesAt(KeQueryPerformanceCounter(nullptr).QuadPart);
    if (m_buffer && now > m_done) {
        Fill(m_done, now);
        const ULONG packet = m_packet / m_format.nBlockAlign;
        if (packet && now / packet != m_done / packet) {
            for (PKEVENT event : m_events) {
                if (event) {
                    KeSetEvent(event, IO_NO_INCREMENT, FALSE);
                }
            }
        }
    }
    m_done = now;
}

/// Takes frames of the speaker out of the buffer and clears their place, or puts the microphone's in.
void Stream::Fill(ULONGLONG from, ULONGLONG to)
{
    const ULONG frame = m_format.nBlockAlign, frames = m_bytes / frame;
    while (from < to) {
        const ULONG at = static_cast<ULONG>(from % frames);
        const ULONG piece = static_cast<ULONG>(min(to - from, static_cast<ULONGLONG>(frames - at)));
        UCHAR *const place = m_buffer + at * frame;
        if (m_side == Side::Speaker) {
            if (m_save) {
                m_save->Take(place, piece * frame);
            }
            RtlZeroMemory(place, piece * frame);
        } else {
            for (ULONG index = 0; index < piece * frame; index += frame) {
                const ULONG number = static_cast<ULONG>(from + index / frame);
                RtlZeroMemory(place + index, frame);
                RtlCopyMemory(place + index, &number, min(frame, static_cast<ULONG>(sizeof number)));
            }
        }
        from += piece;
    }
}

/// Sets the timer to the end of the packet under way, which is always some time ahead. With the lock held.
void Stream::Arm()
{
    const ULONG packet = m_packet / m_format.nBlockAlign;
    if (!packet || m_state != KSSTATE_RUN) {
        return;
    }
    const ULONGLONG left = packet - m_done % packet;
    // In 100 ns, rounded up: a timer that is early finds its packet unfinished.
    const LONGLONG due = static_cast<LONGLONG>((left * 10000000 + m_format.nSamplesPerSec - 1) / m_format.nSamplesPerSec);
    ExSetTimer(m_timer, -max(due, 1LL), 0, nullptr);
}

VOID NTAPI Stream::OnTimer(PEX_TIMER, PVOID context)
{
    Stream *const stream = static_cast<Stream *>(context);
    SpinGuard guard(stream->m_lock);
    stream->Advance();
    stream->Arm();
}

STDMETHODIMP_(NTSTATUS) Stream::SetFormat(PKSDATAFORMAT format)
{
    const WAVEFORMATEX *const wave = Accepted(format);
    if (!wave) {
        return STATUS_NOT_SUPPORTED;
    }
    SpinGuard guard(m_lock);
    if (m_state == KSSTATE_RUN) {
        return STATUS_INVALID_PARAMETER;
    }
    const bool same = wave->nSamplesPerSec == m_format.nSamplesPerSec && wave->nBlockAlign == m_format.nBlockAlign &&
                      wave->nChannels == m_format.nChannels;
    return same ? STATUS_SUCCESS : STATUS_NOT_SUPPORTED;
}

STDMETHODIMP_(NTSTATUS) Stream::SetState(KSSTATE state)
{
    TraceState(m_side, state);
    {
        SpinGuard guard(m_lock);
        Advance();
        if (state == KSSTATE_RUN && m_state != KSSTATE_RUN) {
            m_started = KeQueryPerformanceCounter(nullptr).QuadPart;
            m_base = m_done;
        } else if (state == KSSTATE_STOP) {
            m_done = m_base = 0;
        }
        m_state = state;
        Arm();
    }
    if (state != KSSTATE_RUN) {
        ExCancelTimer(m_timer, nullptr);
    }
    return STATUS_SUCCESS;
}

STDMETHODIMP_(NTSTATUS) Stream::GetPosition(PKSAUDIO_POSITION position)
{
    SpinGuard guard(m_lock);
    Advance();
    const ULONGLONG offset = m_bytes ? m_done * m_format.nBlockAlign % m_bytes : 0;
    position->PlayOffset = position->WriteOffset = offset;
    return STATUS_SUCCESS;
}

STDMETHODIMP_(NTSTATUS)
Stream::AllocateAudioBuffer(ULONG requested, PMDL *mdl, ULONG *actual, ULONG *offset, MEMORY_CACHING_TYPE *cache)
{
    return AllocateBufferWithNotification(0, requested, mdl, actual, offset, cache);
}

STDMETHODIMP_(VOID) Stream::FreeAudioBuffer(PMDL mdl, ULONG size)
{
    FreeBufferWithNotification(mdl, size);
}

STDMETHODIMP_(NTSTATUS)
Stream::AllocateBufferWithNotification(ULONG count, ULONG requested, PMDL *mdl, ULONG *actual, ULONG *offset, MEMORY_CACHING_TYPE *cache)
{
    const ULONG unit = m_format.nBlockAlign * max(count, 1UL);
    if (requested < unit || requested > 1 << 24 || count > 2) {
        return STATUS_INVALID_PARAMETER;
    }
    const ULONG size = (requested + unit - 1) / unit * unit;
    PHYSICAL_ADDRESS highest;
    highest.QuadPart = MAXLONGLONG;
    const PMDL pages = m_port->AllocatePagesForMdl(highest, size);
    if (!pages) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    PVOID const place = MmGetMdlByteCount(pages) < size ? nullptr : m_port->MapAllocatedPages(pages, MmCached);
    if (!place) {
        m_port->FreePagesFromMdl(pages);
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    RtlZeroMemory(place, size);
    {
        SpinGuard guard(m_lock);
        m_buffer = static_cast<UCHAR *>(place);
        m_bytes = size;
        m_packet = count ? size / count : 0;
    }
    *mdl = pages;
    *actual = size;
    *offset = 0;
    *cache = MmCached;
    return STATUS_SUCCESS;
}

STDMETHODIMP_(VOID) Stream::FreeBufferWithNotification(PMDL mdl, ULONG)
{
    PVOID place;
    {
        SpinGuard guard(m_lock);
        place = m_buffer;
        m_buffer = nullptr;
        m_bytes = m_packet = 0;
    }
    if (place) {
        m_port->UnmapAllocatedPages(place, mdl);
    }
    m_port->FreePagesFromMdl(mdl);
}

STDMETHODIMP_(NTSTATUS) Stream::RegisterNotificationEvent(PKEVENT event)
{
    SpinGuard guard(m_lock);
    for (PKEVENT &place : m_events) {
        if (!place) {
            place = event;
            return STATUS_SUCCESS;
        }
    }
    return STATUS_INSUFFICIENT_RESOURCES;
}

STDMETHODIMP_(NTSTATUS) Stream::UnregisterNotificationEvent(PKEVENT event)
{
    SpinGuard guard(m_lock);
    for (PKEVENT &place : m_events) {
        if (place == event) {
            place = nullptr;
            return STATUS_SUCCESS;
        }
    }
    return STATUS_NOT_FOUND;
}

STDMETHODIMP_(VOID) Stream::GetHWLatency(KSRTAUDIO_HWLATENCY *latency)
{
    RtlZeroMemory(latency, sizeof *latency);
}

STDMETHODIMP_(NTSTATUS) Stream::GetPositionRegister(KSRTAUDIO_HWREGISTER *)
{
    return STATUS_NOT_IMPLEMENTED;
}

STDMETHODIMP_(NTSTATUS) Stream::GetClockRegister(KSRTAUDIO_HWREGISTER *)
{
    return STATUS_NOT_IMPLEMENTED;
}
