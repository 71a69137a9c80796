// The driver: it starts, makes the filters of both sides, and takes them away again.
#include "desk.h"

static NTSTATUS NTAPI StartDevice(PDEVICE_OBJECT device, PIRP irp, PRESOURCELIST resources);

/// One filter: a port with a miniport in it, registered under the name that the INF has.
static NTSTATUS Register(PDEVICE_OBJECT device, PIRP irp, REFGUID port_class, PUNKNOWN miniport, PCWSTR name, PUNKNOWN *out)
{
    PPORT port;
    NTSTATUS status = PcNewPort(&port, port_class);
    if (!NT_SUCCESS(status)) {
        return status;
    }
    status = port->Init(device, irp, miniport, nullptr, nullptr);
    if (NT_SUCCESS(status)) {
        status = PcRegisterSubdevice(device, const_cast<PWSTR>(name), port);
    }
    if (NT_SUCCESS(status)) {
        status = port->QueryInterface(IID_IUnknown, reinterpret_cast<PVOID *>(out));
    }
    port->Release();
    return status;
}

struct Names {
    Side side;
    PCWSTR Wave;
    PCWSTR Topology;
};
static const Names g_endpoints[] = {{Side::Speaker, L"WaveSpeaker", L"TopologySpeaker"}, {Side::Microphone, L"WaveMicrophone", L"TopologyMicrophone"}};

static NTSTATUS StartEndpoint(PDEVICE_OBJECT device, PIRP irp, const Settings &settings, const Names &names)
{
    PUNKNOWN made[2] = {}, ports[2] = {};
    NTSTATUS status = CreateTopology(&made[0], names.side);
    if (NT_SUCCESS(status)) {
        status = Register(device, irp, CLSID_PortTopology, made[0], names.Topology, &ports[0]);
    }
    if (NT_SUCCESS(status)) {
        status = CreateWave(&made[1], names.side, device, settings);
    }
    if (NT_SUCCESS(status)) {
        status = Register(device, irp, CLSID_PortWaveRT, made[1], names.Wave, &ports[1]);
    }
    if (NT_SUCCESS(status)) {
        status = names.side == Side::Speaker ? PcRegisterPhysicalConnection(device, ports[1], WAVE_BRIDGE, ports[0], TOPOLOGY_IN)
                                             : PcRegisterPhysicalConnection(device, ports[0], TOPOLOGY_OUT, ports[1], WAVE_BRIDGE);
    }
    for (PUNKNOWN one : made) {
        if (one) {
            one->Release();
        }
    }
    for (PUNKNOWN one : ports) {
        if (one) {
            one->Release();
        }
    }
    return status;
}

#ifdef DESK_FAULTS
static void Commit(ULONG fault)
{
    g_fault = fault;
    if (FaultIs(FAULT_MISSING_IMPORT)) {
        KeQueryRuntimeThread(KeGetCurrentThread(), &fault);
    } else if (FaultIs(FAULT_FAST_FAIL)) {
        __fastfail(3);
    } else if (FaultIs(FAULT_LEAK)) {
        ExAllocatePoolWithTag(NonPagedPoolNx, 100, TAG);
    } else if (FaultIs(FAULT_UNHANDLED)) {
        __try {
            ExRaiseStatus(STATUS_DEVICE_DATA_ERROR);
        } __except (GetExceptionCode() == STATUS_ACCESS_VIOLATION) {
            g_fault = FAULT_NONE;
        }
    }
}
#endif

static NTSTATUS NTAPI StartDevice(PDEVICE_OBJECT device, PIRP irp, PRESOURCELIST)
{
    PDEVICE_OBJECT physical;
    NTSTATUS status = PcGetPhysicalDeviceObject(device, &physical);
    if (!NT_SUCCESS(status)) {
        return status;
    }
    Settings settings = {};
    status = ReadSettings(physical, &settings);
    if (!NT_SUCCESS(status)) {
        return status;
    }
#ifdef DESK_FAULTS
    Commit(settings.Fault);
#endif
    for (const Names &names : g_endpoints) {
        status = StartEndpoint(device, irp, settings, names);
        if (!NT_SUCCESS(status)) {
            return status;
        }
    }
    return STATUS_SUCCESS;
}

static NTSTATUS NTAPI AddDevice(PDRIVER_OBJECT driver, PDEVICE_OBJECT physical)
{
    return PcAddAdapterDevice(driver, physical, StartDevice, 8, 0);
}

static PDRIVER_UNLOAD g_port_unload;

static VOID NTAPI Unload(PDRIVER_OBJECT driver)
{
    TraceStop();
    if (g_port_unload) {
        g_port_unload(driver);
    }
}

// The linker sorts the parts of .CRT by what stands behind the $: what lies between these two are the constructors of globals.
typedef void(__cdecl *Constructor)();
#pragma section(".CRT$XCA", read)
#pragma section(".CRT$XCZ", read)
__declspec(allocate(".CRT$XCA")) static const Constructor g_first = nullptr;
__declspec(allocate(".CRT$XCZ")) static const Constructor g_last = nullptr;

extern "C" NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT driver, PUNICODE_STRING path)
{
    for (const Constructor *one = &g_first; one < &g_last; ++one) {
        if (*one) {
            (*one)();
        }
    }
    // PASSIVE_LEVEL, as the header's inline function reads it.
    ULONG64 level;
    __asm__("mov %%cr8, %0" : "=r"(level));
    if (level != PASSIVE_LEVEL || reinterpret_cast<PKTHREAD>(__readgsqword(0x188)) != KeGetCurrentThread()) {
        return STATUS_UNSUCCESSFUL;
    }
    TraceStart();
    const NTSTATUS status = PcInitializeAdapterDriver(driver, path, AddDevice);
    if (!NT_SUCCESS(status)) {
        TraceStop();
        return status;
    }
    g_port_unload = driver->DriverUnload;
    driver->DriverUnload = Unload;
    return STATUS_SUCCESS;
}
