// The save path: frames wait in a ring until a work item writes them to the file.
#include "desk.h"

Save *Save::Create(PDEVICE_OBJECT device, const WAVEFORMATEX &format)
{
    Save *const save = new (NonPagedPoolNx, TAG) Save;
    if (!save) {
        return nullptr;
    }
    save->m_format = format;
    KeInitializeMutex(&save->m_mutex, 0);
    KeInitializeEvent(&save->m_idle, NotificationEvent, TRUE);
    KeInitializeSpinLock(&save->m_lock);
    if (NT_SUCCESS(save->Open(device))) {
        return save;
    }
    delete save;
    return nullptr;
}

NTSTATUS Save::Open(PDEVICE_OBJECT device)
{
    m_ring = static_cast<UCHAR *>(ExAllocatePoolWithTag(NonPagedPoolNx, RING, TAG));
    m_item = IoAllocateWorkItem(device);
    if (!m_ring || !m_item) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    static volatile LONG count;
    DECLARE_CONST_UNICODE_STRING(front, L"\\DosDevices\\C:\\Windows\\Temp\\desk_");
    WCHAR room[64];
    UNICODE_STRING name = {0, sizeof room, room};
    RtlCopyUnicodeString(&name, &front);
    WCHAR digit[] = {static_cast<WCHAR>(L'0' + InterlockedIncrement(&count) % 10), 0};
    RtlAppendUnicodeToString(&name, digit);
    RtlAppendUnicodeToString(&name, L".wav");
    OBJECT_ATTRIBUTES attributes;
    InitializeObjectAttributes(&attributes, &name, OBJ_CASE_INSENSITIVE | OBJ_KERNEL_HANDLE, nullptr, nullptr);
    IO_STATUS_BLOCK result;
    const NTSTATUS status =
        ZwCreateFile(&m_file, GENERIC_WRITE | SYNCHRONIZE, &attributes, &result, nullptr, FILE_ATTRIBUTE_NORMAL, 0, FILE_OVERWRITE_IF,
                     FILE_NON_DIRECTORY_FILE | FILE_SYNCHRONOUS_IO_NONALERT, nullptr, 0);
    if (!NT_SUCCESS(status)) {
        m_file = nullptr;
        return status;
    }
    Header();
    return STATUS_SUCCESS;
}

Save::~Save()
{
    if (m_item) {
        KeWaitForSingleObject(&m_idle, Executive, KernelMode, FALSE, nullptr);
        IoFreeWorkItem(m_item);
    }
    if (m_file) {
        Work();
        Header();
        ZwClose(m_file);
    }
    if (m_ring) {
        ExFreePoolWithTag(m_ring, TAG);
    }
}

void Save::Take(const UCHAR *bytes, ULONG count)
{
    if (FaultIs(FAULT_WRITE_RAISED)) {
        Write(bytes, count, static_cast<LONGLONG>(HEADER + m_taken));
        return;
    }
    bool queue = false;
    {
        SpinGuard guard(m_lock);
        while (count != 0) {
            const ULONG at = static_cast<ULONG>(m_taken % RING);
            const ULONG piece = min(count, RING - at);
            RtlCopyMemory(m_ring + at, bytes, piece);
            m_taken += piece;
            bytes += piece;
            count -= piece;
        }
        // Several packets at once, so that a write costs little for each frame.
        if (!m_queued && m_taken - m_written >= RING / 4) {
            m_queued = queue = true;
            KeClearEvent(&m_idle);
        }
    }
    if (queue) {
        IoQueueWorkItem(m_item, OnWork, DelayedWorkQueue, this);
    }
}

VOID NTAPI Save::OnWork(PDEVICE_OBJECT, PVOID context)
{
    Save *const save = static_cast<Save *>(context);
    save->Work();
    SpinGuard guard(save->m_lock);
    save->m_queued = false;
    KeSetEvent(&save->m_idle, IO_NO_INCREMENT, FALSE);
}

void Save::Work()
{
    KeWaitForSingleObject(&m_mutex, Executive, KernelMode, FALSE, nullptr);
    __try {
        for (;;) {
            ULONGLONG taken;
            KIRQL before;
            KeAcquireSpinLock(&m_lock, &before);
            taken = m_taken;
            KeReleaseSpinLock(&m_lock, before);
            const ULONG at = static_cast<ULONG>(m_written % RING);
            const ULONG piece = static_cast<ULONG>(min(taken - m_written, static_cast<ULONGLONG>(RING - at)));
            if (piece == 0) {
                break;
            }
            Write(m_ring + at, piece, static_cast<LONGLONG>(HEADER + m_written));
            m_written += piece;
        }
    } __finally {
        KeReleaseMutex(&m_mutex, FALSE);
    }
}

void Save::Write(const void *bytes, ULONG count, LONGLONG where)
{
    LARGE_INTEGER offset;
    offset.QuadPart = where;
    IO_STATUS_BLOCK result;
    const NTSTATUS status =
        ZwWriteFile(m_file, nullptr, nullptr, nullptr, &result, const_cast<void *>(bytes), count, &offset, nullptr);
    if (!NT_SUCCESS(status)) {
        DbgPrint("desk: a write of %lu bytes: %08lx\n", count, status);
    }
}

/// RIFF: "Multimedia Programming Interface and Data Specifications 1.0".
void Save::Header()
{
    const ULONG bytes = static_cast<ULONG>(m_written);
    UCHAR header[HEADER];
    UCHAR *at = header;
    const auto put = [&at](const void *value, ULONG size) {
        RtlCopyMemory(at, value, size);
        at += size;
    };
    const ULONG whole = HEADER - 8 + bytes, wave = 16;
    put("RIFF", 4);
    put(&whole, 4);
    put("WAVEfmt ", 8);
    put(&wave, 4);
    put(&m_format, wave);
    put("data", 4);
    put(&bytes, 4);
    Write(header, HEADER, 0);
}
