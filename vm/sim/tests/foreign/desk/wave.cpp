// The miniports of the wave filters.
#include "desk.h"

class Wave : public IMiniportWaveRT, public IMiniportAudioSignalProcessing, public CUnknown {
public:
    DECLARE_STD_UNKNOWN()
    Wave(Side side, PDEVICE_OBJECT device, const Settings &settings)
        : CUnknown(nullptr), m_side(side), m_device(device), m_settings(settings)
    {
    }

    STDMETHODIMP_(NTSTATUS) GetDescription(PPCFILTER_DESCRIPTOR *out) override
    {
        *out = const_cast<PPCFILTER_DESCRIPTOR>(WaveFilter(m_side));
        return STATUS_SUCCESS;
    }
    STDMETHODIMP_(NTSTATUS)
    DataRangeIntersection(ULONG pin, PKSDATARANGE asked, PKSDATARANGE own, ULONG room, PVOID format, PULONG length) override;
    STDMETHODIMP_(NTSTATUS) Init(PUNKNOWN adapter, PRESOURCELIST resources, PPORTWAVERT port) override;
    STDMETHODIMP_(NTSTATUS)
    NewStream(PMINIPORTWAVERTSTREAM *out, PPORTWAVERTSTREAM port, ULONG pin, BOOLEAN capture, PKSDATAFORMAT format) override;
    STDMETHODIMP_(NTSTATUS) GetDeviceDescription(PDEVICE_DESCRIPTION out) override
    {
        RtlZeroMemory(out, sizeof *out);
        out->Master = TRUE;
        out->ScatterGather = TRUE;
        out->Dma32BitAddresses = TRUE;
        out->InterfaceType = PCIBus;
        out->MaximumLength = 0xFFFFFFFF;
        return STATUS_SUCCESS;
    }
    STDMETHODIMP_(NTSTATUS) GetModes(ULONG pin, GUID *modes, ULONG *count) override;

private:
    static void Mix(IDrmPort2 *drm);
    static NTSTATUS Ask(PPORTWAVERT port);

    const Side m_side;
    const PDEVICE_OBJECT m_device;
    const Settings m_settings;
};

STDMETHODIMP_(NTSTATUS) Wave::NonDelegatingQueryInterface(REFIID id, PVOID *out)
{
    if (IsEqualGUID(id, IID_IUnknown)) {
        *out = QICASTUNKNOWN(IMiniportWaveRT *);
    } else if (IsEqualGUID(id, IID_IMiniport) || IsEqualGUID(id, IID_IMiniportWaveRT)) {
        *out = QICAST(IMiniportWaveRT *);
    } else if (IsEqualGUID(id, IID_IMiniportAudioSignalProcessing)) {
        *out = QICAST(IMiniportAudioSignalProcessing *);
    } else {
        *out = nullptr;
        return STATUS_INVALID_PARAMETER;
    }
    static_cast<PUNKNOWN>(*out)->AddRef();
    return STATUS_SUCCESS;
}

/// Asks the port for what newer ones have; none of it has to be there.
STDMETHODIMP_(NTSTATUS) Wave::Init(PUNKNOWN, PRESOURCELIST, PPORTWAVERT port)
{
    PVOID found;
    if (NT_SUCCESS(port->QueryInterface(IID_IPortClsVersion, &found))) {
        auto *const version = static_cast<IPortClsVersion *>(found);
        DbgPrint("desk: PortCls version %ld\n", version->GetVersion());
        version->Release();
    }
    if (NT_SUCCESS(port->QueryInterface(IID_IPortEvents, &found))) {
        static_cast<PUNKNOWN>(found)->Release();
    }
    if (NT_SUCCESS(port->QueryInterface(IID_IDrmPort2, &found))) {
        auto *const drm = static_cast<IDrmPort2 *>(found);
        Mix(drm);
        drm->Release();
    }
    return Ask(port);
}

/// Content without restrictions, mixed, has none.
void Wave::Mix(IDrmPort2 *drm)
{
    ULONG parts[] = {0, 0};
    ULONG mixed;
    DRMRIGHTS rights = {TRUE, 0, TRUE};
    if (NT_SUCCESS(drm->CreateContentMixed(parts, 2, &mixed))) {
        const NTSTATUS status = drm->GetContentRights(mixed, &rights);
        DbgPrint("desk: rights %08lx, copy protection %d\n", status, rights.CopyProtect);
        drm->DestroyContent(mixed);
    }
}

/// What the port knows of the device: its class, and the values of its driver key.
NTSTATUS Wave::Ask(PPORTWAVERT port)
{
    WCHAR name[32] = {};
    ULONG length;
    NTSTATUS status = port->GetDeviceProperty(DevicePropertyClassName, sizeof name - sizeof(WCHAR), name, &length);
    if (!NT_SUCCESS(status)) {
        return status;
    }
    PREGISTRYKEY key;
    status = port->NewRegistryKey(&key, nullptr, DriverRegistryKey, KEY_READ, nullptr, 0, nullptr);
    if (!NT_SUCCESS(status)) {
        return status;
    }
    UCHAR room[sizeof(KEY_VALUE_PARTIAL_INFORMATION) + sizeof(ULONG)];
    UNICODE_STRING value;
    RtlInitUnicodeString(&value, L"SaveStreams");
    status = key->QueryValueKey(&value, KeyValuePartialInformation, room, sizeof room, &length);
    key->Release();
    DbgPrint("desk: class %S, SaveStreams %08lx\n", name, status);
    return status;
}

STDMETHODIMP_(NTSTATUS) Wave::GetModes(ULONG pin, GUID *modes, ULONG *count)
{
    if (pin > WAVE_BRIDGE) {
        return STATUS_INVALID_PARAMETER;
    }
    if (pin != WAVE_STREAM) {
        return STATUS_NOT_SUPPORTED;
    }
    const ULONG room = *count;
    *count = 2;
    if (modes) {
        if (room < 2) {
            return STATUS_BUFFER_TOO_SMALL;
        }
        modes[0] = MODE_RAW;
        modes[1] = MODE_DEFAULT;
    }
    return STATUS_SUCCESS;
}

/// The best of both ranges, always as WAVEFORMATEXTENSIBLE.
STDMETHODIMP_(NTSTATUS)
Wave::DataRangeIntersection(ULONG pin, PKSDATARANGE asked, PKSDATARANGE own, ULONG room, PVOID format, PULONG length)
{
    struct Answer {
        KSDATAFORMAT Head;
        WAVEFORMATEXTENSIBLE Wave;
    };
    const ULONG size = sizeof(KSDATAFORMAT) + sizeof(WAVEFORMATEXTENSIBLE);
    if (pin != WAVE_STREAM || own->FormatSize < sizeof(KSDATARANGE_AUDIO) || asked->FormatSize < sizeof(KSDATARANGE_AUDIO)) {
        return STATUS_NO_MATCH;
    }
    const auto *const theirs = reinterpret_cast<const KSDATARANGE_AUDIO *>(asked);
    const auto *const ours = reinterpret_cast<const KSDATARANGE_AUDIO *>(own);
    const ULONG channels = min(theirs->MaximumChannels, ours->MaximumChannels);
    const ULONG bits = ours->MaximumBitsPerSample, rate = min(theirs->MaximumSampleFrequency, ours->MaximumSampleFrequency);
    if (!IsEqualGUID(asked->SubFormat, own->SubFormat) || channels == 0 || bits < theirs->MinimumBitsPerSample ||
        bits > theirs->MaximumBitsPerSample || rate < max(theirs->MinimumSampleFrequency, ours->MinimumSampleFrequency)) {
        return STATUS_NO_MATCH;
    }
    *length = size;
    if (room == 0) {
        return STATUS_BUFFER_OVERFLOW;
    }
    if (room < size) {
        return STATUS_BUFFER_TOO_SMALL;
    }
    auto *const answer = static_cast<Answer *>(format);
    const WORD frame = static_cast<WORD>(channels * bits / 8);
    answer->Head = *own;
    answer->Head.FormatSize = size;
    answer->Head.Flags = 0;
    answer->Head.SampleSize = frame;
    WAVEFORMATEX &wave = answer->Wave.Format;
    wave = {WAVE_FORMAT_EXTENSIBLE, static_cast<WORD>(channels), rate, rate * frame, frame, static_cast<WORD>(bits), 22};
    answer->Wave.Samples.wValidBitsPerSample = wave.wBitsPerSample;
    answer->Wave.dwChannelMask = channels == 1 ? 0x4 : 0x3;
    answer->Wave.SubFormat = own->SubFormat;
    return STATUS_SUCCESS;
}

const WAVEFORMATEX *Accepted(const KSDATAFORMAT *format)
{
    if (format->FormatSize < sizeof(KSDATAFORMAT) + sizeof(WAVEFORMATEX) ||
        !IsEqualGUID(format->Specifier, GUID{STATICGUIDOF(KSDATAFORMAT_SPECIFIER_WAVEFORMATEX)}) ||
        !IsEqualGUID(format->SubFormat, GUID{STATICGUIDOF(KSDATAFORMAT_SUBTYPE_PCM)})) {
        return nullptr;
    }
    const auto *const wave = reinterpret_cast<const WAVEFORMATEX *>(format + 1);
    const bool extensible = wave->wFormatTag == WAVE_FORMAT_EXTENSIBLE;
    if ((!extensible && wave->wFormatTag != WAVE_FORMAT_PCM) ||
        (extensible && format->FormatSize < sizeof(KSDATAFORMAT) + sizeof(WAVEFORMATEXTENSIBLE))) {
        return nullptr;
    }
    const bool known = (wave->nChannels == 1 || wave->nChannels == 2) && (wave->wBitsPerSample == 16 || wave->wBitsPerSample == 24) &&
                       wave->nBlockAlign == wave->nChannels * wave->wBitsPerSample / 8 &&
                       (wave->nSamplesPerSec == 44100 || wave->nSamplesPerSec == 48000);
    return known ? wave : nullptr;
}

STDMETHODIMP_(NTSTATUS)
Wave::NewStream(PMINIPORTWAVERTSTREAM *out, PPORTWAVERTSTREAM port, ULONG pin, BOOLEAN capture, PKSDATAFORMAT format)
{
    if (pin != WAVE_STREAM || (capture != FALSE) != (m_side == Side::Microphone)) {
        return STATUS_INVALID_PARAMETER;
    }
    const WAVEFORMATEX *const wave = Accepted(format);
    return wave ? CreateStream(out, m_side, port, m_device, m_settings, *wave) : STATUS_NOT_SUPPORTED;
}

NTSTATUS CreateWave(PUNKNOWN *out, Side side, PDEVICE_OBJECT device, const Settings &settings)
{
    auto *const wave = new (NonPagedPoolNx, TAG) Wave(side, device, settings);
    if (!wave) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    *out = PUNKNOWN(static_cast<IMiniportWaveRT *>(wave));
    (*out)->AddRef();
    return STATUS_SUCCESS;
}
