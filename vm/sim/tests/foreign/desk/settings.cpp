// What the INF left in the device's driver key. A value that has to be there raises an exception when it is not.
#include "desk.h"

static ULONG Value(HANDLE key, PCWSTR name)
{
    UCHAR room[sizeof(KEY_VALUE_PARTIAL_INFORMATION) + sizeof(ULONG)];
    auto *const value = reinterpret_cast<KEY_VALUE_PARTIAL_INFORMATION *>(room);
    UNICODE_STRING text;
    RtlInitUnicodeString(&text, name);
    ULONG length;
    const NTSTATUS status = ZwQueryValueKey(key, &text, KeyValuePartialInformation, value, sizeof room, &length);
    if (!NT_SUCCESS(status)) {
        ExRaiseStatus(status);
    }
    if (value->Type != REG_DWORD || value->DataLength != sizeof(ULONG)) {
        ExRaiseStatus(STATUS_OBJECT_TYPE_MISMATCH);
    }
    return *reinterpret_cast<const ULONG *>(value->Data);
}

static ULONG ValueOr(HANDLE key, PCWSTR name, ULONG otherwise)
{
    __try {
        return Value(key, name);
    } __except (GetExceptionCode() == STATUS_OBJECT_NAME_NOT_FOUND ? EXCEPTION_EXECUTE_HANDLER : EXCEPTION_CONTINUE_SEARCH) {
        return otherwise;
    }
}

NTSTATUS ReadSettings(PDEVICE_OBJECT physical, Settings *settings)
{
    HANDLE key;
    const NTSTATUS status = IoOpenDeviceRegistryKey(physical, PLUGPLAY_REGKEY_DRIVER, KEY_READ, &key);
    if (!NT_SUCCESS(status)) {
        return status;
    }
    __try {
        __try {
            settings->SaveStreams = Value(key, L"SaveStreams");
            settings->Fault = ValueOr(key, L"Fault", 0);
        } __finally {
            ZwClose(key);
        }
    } __except (EXCEPTION_EXECUTE_HANDLER) {
        return GetExceptionCode();
    }
    return STATUS_SUCCESS;
}
