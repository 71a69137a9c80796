// A driver with system threads: they wait for each other, for time and for a mutex, and say in which order.
#include "../kernel.h"

struct Worker {
    PKTHREAD Thread;
    KEVENT Go;
    char Name;
};

static Worker g_workers[2];
static KMUTEX g_mutex;
static volatile LONG g_stop;
static LARGE_INTEGER g_start;

/// Milliseconds since DriverEntry, and who says what.
static void Say(const Worker *worker, const char *what)
{
    LARGE_INTEGER frequency;
    const LONGLONG now = KeQueryPerformanceCounter(&frequency).QuadPart;
    DbgPrint("%lu %c %s\n", static_cast<ULONG>((now - g_start.QuadPart) * 1000 / frequency.QuadPart), worker->Name, what);
}

static void Sleep(LONG milliseconds)
{
    LARGE_INTEGER time;
    time.QuadPart = -10000LL * milliseconds;
    KeDelayExecutionThread(KernelMode, FALSE, &time);
}

static VOID NTAPI Work(PVOID context)
{
    auto *const worker = static_cast<Worker *>(context);
    auto *const other = &g_workers[worker == &g_workers[0] ? 1 : 0];
    if (KeGetCurrentThread() != worker->Thread && worker->Thread) {
        Say(worker, "is somebody else");
    }
    for (int round = 0; round < 2; ++round) {
        KeWaitForSingleObject(&worker->Go, Executive, KernelMode, FALSE, nullptr);
        KeWaitForSingleObject(&g_mutex, Executive, KernelMode, FALSE, nullptr);
        Say(worker, "has it");
        // The other one may go on, and waits for the mutex meanwhile.
        KeSetEvent(&other->Go, IO_NO_INCREMENT, FALSE);
        Sleep(10);
        Say(worker, "gives it");
        KeReleaseMutex(&g_mutex, FALSE);
    }
    __try {
        ExRaiseStatus(STATUS_UNSUCCESSFUL);
    } __except (EXCEPTION_EXECUTE_HANDLER) {
        Say(worker, "handles");
    }
    while (!g_stop) {
        Sleep(5);
    }
    if (worker->Name == 'a') {
        PsTerminateSystemThread(STATUS_SUCCESS);
    }
    Say(worker, "returns");
}

static NTSTATUS Start(Worker *worker, char name)
{
    worker->Name = name;
    KeInitializeEvent(&worker->Go, SynchronizationEvent, name == 'a');
    HANDLE handle;
    NTSTATUS status = PsCreateSystemThread(&handle, THREAD_ALL_ACCESS, nullptr, nullptr, nullptr, Work, worker);
    if (NT_SUCCESS(status)) {
        // mingw-w64 declares the variable as imported, so that its name stands for what Microsoft's headers call *PsThreadType.
        const auto type = reinterpret_cast<POBJECT_TYPE>(PsThreadType);
        status = ObReferenceObjectByHandle(handle, THREAD_ALL_ACCESS, type, KernelMode, reinterpret_cast<PVOID *>(&worker->Thread), nullptr);
        ZwClose(handle);
    }
    return status;
}

static VOID NTAPI Unload(PDRIVER_OBJECT)
{
#ifndef THREAD_LEFT
    g_stop = 1;
#endif
    for (Worker &worker : g_workers) {
#ifndef THREAD_LEFT
        KeWaitForSingleObject(worker.Thread, Executive, KernelMode, FALSE, nullptr);
        Say(&worker, "has ended");
#endif
        ObDereferenceObject(worker.Thread);
    }
}

extern "C" NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT driver, PUNICODE_STRING)
{
    driver->DriverUnload = Unload;
    g_start = KeQueryPerformanceCounter(nullptr);
    KeInitializeMutex(&g_mutex, 0);
    const NTSTATUS status = Start(&g_workers[0], 'a');
    if (!NT_SUCCESS(status) || !NT_SUCCESS(Start(&g_workers[1], 'b'))) {
        return STATUS_UNSUCCESSFUL;
    }
    LARGE_INTEGER time;
    time.QuadPart = -500000;
    KeDelayExecutionThread(KernelMode, FALSE, &time);
    return STATUS_SUCCESS;
}
