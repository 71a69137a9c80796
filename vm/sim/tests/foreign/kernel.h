// What every file of a C++ driver here includes: mingw-w64's kernel headers made ready for C++ in Microsoft's object format, and what they lack.
#pragma once

// clang's own intrin.h declares _setjmp in a way of its own; a driver has no use for either.
#define _INC_SETJMP
typedef int jmp_buf[1];
#define DECLSPEC_NOVTABLE __declspec(novtable)
#define DECLSPEC_NOTHROW
#define TCHAR WCHAR

#include <initguid.h>
extern "C" {
#include <ntddk.h>
}

// ksmedia.h: neither structure is in mingw-w64's ("ksmedia/ns-ksmedia-ksrtaudio_hwlatency", "…hwregister").
typedef struct {
    ULONG FifoSize;
    ULONG ChipsetDelay;
    ULONG CodecDelay;
} KSRTAUDIO_HWLATENCY;
typedef struct {
    PVOID Register;
    ULONG Width;
    ULONGLONG Numerator;
    ULONGLONG Denominator;
    ULONG Accuracy;
} KSRTAUDIO_HWREGISTER;

// Microsoft's compiler looks whether operator new gave null before it constructs anything; clang does so only when the operator says that it
// does not throw, which stdunk.h's does not say.
#define _NEW_DELETE_OPERATORS_
inline void *__cdecl operator new(size_t size, POOL_TYPE pool, ULONG tag) noexcept
{
    void *const memory = ExAllocatePoolWithTag(pool, size, tag);
    if (memory) {
        RtlZeroMemory(memory, size);
    }
    return memory;
}
inline void __cdecl operator delete(void *memory) noexcept
{
    ExFreePool(memory);
}

#include <portcls.h>
#include <stdunk.h>

// portcls.h of Windows 8.1 and later.
#undef INTERFACE
#define INTERFACE IMiniportAudioSignalProcessing
DEFINE_GUID(IID_IMiniportAudioSignalProcessing, 0xB532678C, 0xBE50, 0x472D, 0x99, 0x73, 0x8A, 0x6F, 0x16, 0x59, 0x49, 0x89);
DECLARE_INTERFACE_(IMiniportAudioSignalProcessing, IUnknown)
{
    DEFINE_ABSTRACT_UNKNOWN()
    STDMETHOD_(NTSTATUS, GetModes)(THIS_ ULONG Pin, GUID *Modes, ULONG *Count) PURE;
};
#undef INTERFACE

DEFINE_GUID(MODE_DEFAULT, 0xC18E2F7E, 0x933D, 0x4965, 0xB7, 0xD1, 0x1E, 0xEF, 0x22, 0x8D, 0x2A, 0xF3);
DEFINE_GUID(MODE_RAW, 0x9E90EA20, 0xB493, 0x4FD1, 0xA1, 0xA8, 0x7E, 0x13, 0x61, 0xA9, 0x56, 0xCF);

extern "C" __declspec(dllimport) NTSTATUS NTAPI PcGetPhysicalDeviceObject(PDEVICE_OBJECT Device, PDEVICE_OBJECT *Physical);

// ntifs.h.
extern "C" __declspec(dllimport) VOID NTAPI RtlRaiseException(PEXCEPTION_RECORD Record);

// ksmedia.h: the property set of jacks.
#define STATIC_KSPROPSETID_Jack 0x4509F757, 0x2D46, 0x4637, {0x8E, 0x62, 0xCE, 0x7D, 0xB9, 0x44, 0xF5, 0x7B}
enum { KSPROPERTY_JACK_DESCRIPTION = 1, KSPROPERTY_JACK_DESCRIPTION2, KSPROPERTY_JACK_DESCRIPTION3 = 5 };
typedef struct {
    ULONG ConfigId;
} KSJACK_DESCRIPTION3;

// wdm.h and evntrace.h: messages for tracing.
extern "C" __declspec(dllimport) NTSTATUS __cdecl WmiTraceMessage(ULONG64 Logger, ULONG Flags, const GUID *Message, USHORT Number, ...);
#define TRACE_MESSAGE_SEQUENCE 1
#define TRACE_MESSAGE_GUID 2

// What compilers call for the destruction of an object whose size they know.
inline void __cdecl operator delete(PVOID place, size_t)
{
    if (place) {
        ExFreePool(place);
    }
}

/// The spin lock that a block holds.
class SpinGuard {
public:
    explicit SpinGuard(KSPIN_LOCK &lock) : m_lock(lock) { KeAcquireSpinLock(&m_lock, &m_before); }
    ~SpinGuard() { KeReleaseSpinLock(&m_lock, m_before); }
    SpinGuard(const SpinGuard &) = delete;

private:
    KSPIN_LOCK &m_lock;
    KIRQL m_before;
};
