// Events for tracing: a provider of its own, and a message as WPP's macros make them, for whoever listens.
#include "desk.h"

// {6B1C2E57-3C4B-4E0C-9D53-2C8B4B0D9A11}
static const GUID PROVIDER = {0x6b1c2e57, 0x3c4b, 0x4e0c, {0x9d, 0x53, 0x2c, 0x8b, 0x4b, 0x0d, 0x9a, 0x11}};
static const GUID MESSAGES = {0x6b1c2e58, 0x3c4b, 0x4e0c, {0x9d, 0x53, 0x2c, 0x8b, 0x4b, 0x0d, 0x9a, 0x11}};
static const EVENT_DESCRIPTOR STATE_CHANGED = {1, 0, 0, 4, 0, 0, 1};

typedef NTSTATUS(NTAPI *RegisterClassic)(LPCGUID, ULONG, PETWENABLECALLBACK, PVOID, PREGHANDLE);

static REGHANDLE g_provider;
static REGHANDLE g_classic;
static volatile LONG g_listeners;

static VOID NTAPI OnEnable(LPCGUID, ULONG enabled, UCHAR, ULONGLONG, ULONGLONG, PEVENT_FILTER_DESCRIPTOR, PVOID)
{
    InterlockedExchange(&g_listeners, enabled);
}

void TraceStart()
{
    if (!NT_SUCCESS(EtwRegister(&PROVIDER, OnEnable, nullptr, &g_provider))) {
        g_provider = 0;
    }
    // Windows 7 does not have it: WPP looks for it by name.
    UNICODE_STRING name;
    RtlInitUnicodeString(&name, L"EtwRegisterClassicProvider");
    const auto classic = reinterpret_cast<RegisterClassic>(MmGetSystemRoutineAddress(&name));
    if (classic && !NT_SUCCESS(classic(&MESSAGES, 0, OnEnable, nullptr, &g_classic))) {
        g_classic = 0;
    }
}

void TraceStop()
{
    REGHANDLE *const handles[] = {&g_classic, &g_provider};
    for (REGHANDLE *handle : handles) {
        if (*handle) {
            EtwUnregister(*handle);
            *handle = 0;
        }
    }
}

void TraceState(Side side, ULONG state)
{
    ULONG values[2] = {static_cast<ULONG>(side), state};
    EVENT_DATA_DESCRIPTOR data;
    EventDataDescCreate(&data, values, sizeof values);
    if (g_provider) {
        EtwWrite(g_provider, &STATE_CHANGED, nullptr, 1, &data);
    }
    if (g_listeners) {
        WmiTraceMessage(g_classic, TRACE_MESSAGE_SEQUENCE | TRACE_MESSAGE_GUID, &MESSAGES, 10, &values[0],
                        sizeof values[0], &values[1], sizeof values[1], nullptr, static_cast<SIZE_T>(0));
    }
}
