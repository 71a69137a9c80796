// A driver that raises every kind of exception and says, line by line, what became of each.
#include "../kernel.h"

#define NEVER_INLINE __declspec(noinline)

// The compiler asks for it wherever there are floating-point numbers.
extern "C" int _fltused = 0;

static char g_trail[64];
static ULONG g_length;

/// Notes a step, so that their order shows.
static void Step(char what)
{
    if (g_length < sizeof g_trail - 1) {
        g_trail[g_length++] = what;
        g_trail[g_length] = 0;
    }
}

static void Say(const char *what, ULONG code)
{
    DbgPrint("%s: %08lx %s\n", what, code, g_trail);
    g_length = 0;
    g_trail[0] = 0;
}

NEVER_INLINE static void Raise(NTSTATUS status)
{
    Step('r');
    ExRaiseStatus(status);
}

/// Deep enough, with a frame of a size that is known at run time only, and with a value in every register that has to be kept.
NEVER_INLINE static ULONG Deep(ULONG levels, NTSTATUS status)
{
    volatile char *const room = static_cast<volatile char *>(__builtin_alloca(16 + levels * 40));
    room[levels] = 1;
    if (levels == 0) {
        Raise(status);
        return 0;
    }
    const ULONG below = Deep(levels - 1, status);
    return below + room[levels];
}

NEVER_INLINE static void UseEveryRegister(NTSTATUS status)
{
    __asm__ volatile("" ::: "rbx", "rsi", "rdi", "r12", "r13", "r14", "r15", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13",
                     "xmm14", "xmm15");
    __asm__ volatile("xor %%ebx, %%ebx\n xor %%esi, %%esi\n xor %%edi, %%edi\n xor %%r12d, %%r12d\n xor %%r13d, %%r13d\n xor %%r14d, %%r14d\n"
                     "xorps %%xmm6, %%xmm6\n xorps %%xmm7, %%xmm7\n xorps %%xmm8, %%xmm8\n xorps %%xmm15, %%xmm15" ::
                         : "rbx", "rsi", "rdi", "r12", "r13", "r14", "xmm6", "xmm7", "xmm8", "xmm15");
    Raise(status);
}

NEVER_INLINE static double Twice(double value)
{
    return value * 2;
}

/// The values live in registers across the exception.
NEVER_INLINE static void KeepRegisters()
{
    double sum = 0;
    ULONG count = 0;
    for (ULONG round = 1; round <= 3; ++round) {
        sum += Twice(round);
        __try {
            UseEveryRegister(STATUS_UNSUCCESSFUL);
        } __except (EXCEPTION_EXECUTE_HANDLER) {
            count += round;
        }
    }
    Say("registers", count * 100 + static_cast<ULONG>(sum));
}

NEVER_INLINE static ULONG Read(const volatile ULONG *place)
{
    return *place;
}

NEVER_INLINE static void Divide(ULONG by)
{
    __asm__ volatile("xor %%edx, %%edx\n mov $1, %%eax\n divl %0" ::"r"(by) : "rax", "rdx", "cc");
}

NEVER_INLINE static void Undefined()
{
    __asm__ volatile("ud2");
}

/// Where an exception was, and how it went on.
static LONG PassOver(EXCEPTION_POINTERS *pointers)
{
    Step('f');
    pointers->ContextRecord->Rip += 2;
    return EXCEPTION_CONTINUE_EXECUTION;
}

static LONG Look(EXCEPTION_POINTERS *pointers, ULONG *address)
{
    Step('f');
    *address = static_cast<ULONG>(pointers->ExceptionRecord->ExceptionInformation[1]);
    return pointers->ExceptionRecord->NumberParameters == 2 ? EXCEPTION_EXECUTE_HANDLER : EXCEPTION_CONTINUE_SEARCH;
}

NEVER_INLINE static void Cleanup(NTSTATUS status)
{
    __try {
        Step('t');
        if (status) {
            Raise(status);
        }
    } __finally {
        Step(AbnormalTermination() ? 'A' : 'n');
    }
}

NEVER_INLINE static void CleanupRaises(NTSTATUS status)
{
    __try {
        __try {
            Raise(STATUS_UNSUCCESSFUL);
            // Without code between the two, clang 14 has the outer block's range begin at the address that the call returns to, where the
            // inner one's still ends.
            Step('-');
        } __finally {
            Step('1');
            Raise(status);
        }
    } __finally {
        Step('2');
    }
}

NEVER_INLINE static void OnlyAccessViolations(NTSTATUS status)
{
    __try {
        Raise(status);
    } __except (Step('s'), GetExceptionCode() == STATUS_ACCESS_VIOLATION ? EXCEPTION_EXECUTE_HANDLER : EXCEPTION_CONTINUE_SEARCH) {
        Step('x');
    }
}

NEVER_INLINE static ULONG Continue()
{
    EXCEPTION_RECORD record = {};
    record.ExceptionCode = STATUS_SINGLE_STEP;
    __try {
        RtlRaiseException(&record);
        Step('c');
    } __except (Step('f'), EXCEPTION_CONTINUE_EXECUTION) {
        Step('x');
    }
    return 0;
}

/// Runs `action` and gives the code of what it raises.
template <typename Action> static ULONG CodeOf(Action action)
{
    __try {
        action();
    } __except (EXCEPTION_EXECUTE_HANDLER) {
        Step('x');
        return GetExceptionCode();
    }
    return 0;
}

static void Lock(PVOID place)
{
    const PMDL mdl = IoAllocateMdl(place, 100, FALSE, FALSE, nullptr);
    __try {
        MmProbeAndLockPages(mdl, KernelMode, IoWriteAccess);
        Step('l');
        MmUnlockPages(mdl);
    } __finally {
        IoFreeMdl(mdl);
    }
}

static VOID NTAPI Unload(PDRIVER_OBJECT) {}

extern "C" NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT driver, PUNICODE_STRING)
{
    driver->DriverUnload = Unload;
    ULONG address = 0;
    Say("deep", CodeOf([] { Deep(5, STATUS_INVALID_PARAMETER); }));
    KeepRegisters();
    Say("finally", CodeOf([] { Cleanup(STATUS_TIMEOUT + 1); }));
    Say("finally without", CodeOf([] { Cleanup(0); }));
    Say("finally raises", CodeOf([] { CleanupRaises(STATUS_INVALID_HANDLE); }));
    Say("search on", CodeOf([] { OnlyAccessViolations(STATUS_NO_MEMORY); }));
    Say("search ends", CodeOf([] { OnlyAccessViolations(STATUS_ACCESS_VIOLATION); }));
    Say("go on", CodeOf([] { Continue(); }));
    __try {
        Read(reinterpret_cast<ULONG *>(0x7F8));
    } __except (Look(GetExceptionInformation(), &address)) {
        Step('x');
    }
    Say("null pointer", address);
    Say("division", CodeOf([] { Divide(0); }));
    __try {
        Undefined();
        Step('c');
    } __except (PassOver(GetExceptionInformation())) {
        Step('x');
    }
    Say("passed over", 0);
    Say("probe kernel", CodeOf([] { ProbeForRead(&g_length, 4, 4); }));
    Say("probe nothing", CodeOf([] { ProbeForRead(&g_length, 0, 4); }));
    Say("probe odd", CodeOf([] { ProbeForRead(reinterpret_cast<PVOID>(0x10001), 4, 4); }));
    Say("probe for write", CodeOf([] { ProbeForWrite(reinterpret_cast<PVOID>(0x10000), 4, 4); }));
    Say("lock own", CodeOf([] { Lock(g_trail); }));
    Say("lock nothing", CodeOf([] { Lock(reinterpret_cast<PVOID>(0x10000)); }));
    Say("nested", CodeOf([] {
            const ULONG inner = CodeOf([] { Raise(STATUS_UNSUCCESSFUL); });
            Raise(static_cast<NTSTATUS>(inner) + 1);
        }));
#ifdef SEH_RAISED
    KIRQL before;
    KeRaiseIrql(DISPATCH_LEVEL, &before);
    CodeOf([] { Read(reinterpret_cast<ULONG *>(0x7F8)); });
    KeLowerIrql(before);
#endif
#ifdef SEH_LEFT_RAISED
    KIRQL level;
    KeRaiseIrql(DISPATCH_LEVEL, &level);
#endif
#ifdef SEH_FREED
    static ULONG *block;
    block = static_cast<ULONG *>(ExAllocatePoolWithTag(NonPagedPoolNx, 64, 'tseT'));
    ExFreePoolWithTag(block, 'tseT');
    CodeOf([] { Read(block); });
#endif
#ifdef SEH_FILTER
    __try {
        Raise(STATUS_UNSUCCESSFUL);
    } __except (Read(reinterpret_cast<ULONG *>(0x7F8))) {
        Step('x');
    }
#endif
    return STATUS_SUCCESS;
}
