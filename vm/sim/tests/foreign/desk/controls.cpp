// Volume and mute of both topologies, for each channel, and what their jacks look like.
#include "desk.h"

static const LONG LOWEST = -96 * 0x10000, HIGHEST = 0, STEP = 0x8000;

/// Answers a request whose value has to have this much room; `STATUS_SUCCESS` when it has.
static NTSTATUS Room(PPCPROPERTY_REQUEST request, ULONG size)
{
    if (request->ValueSize == 0) {
        request->ValueSize = size;
        return STATUS_BUFFER_OVERFLOW;
    }
    return request->ValueSize < size ? STATUS_BUFFER_TOO_SMALL : STATUS_SUCCESS;
}

/// Verbs for whoever has room for a ULONG; with more, the range of each channel ("Basic Support Queries for Audio Properties").
static NTSTATUS Support(PPCPROPERTY_REQUEST request, ULONG type, LONG lowest, LONG highest, LONG step)
{
    struct Answer {
        KSPROPERTY_DESCRIPTION Head;
        KSPROPERTY_MEMBERSHEADER Members;
        KSPROPERTY_STEPPING_LONG Channels[2];
    };
    const ULONG verbs = KSPROPERTY_TYPE_GET | KSPROPERTY_TYPE_SET | KSPROPERTY_TYPE_BASICSUPPORT;
    if (request->ValueSize == 0) {
        request->ValueSize = sizeof(Answer);
        return STATUS_BUFFER_OVERFLOW;
    }
    if (request->ValueSize < sizeof(ULONG)) {
        return STATUS_BUFFER_TOO_SMALL;
    }
    if (request->ValueSize < sizeof(KSPROPERTY_DESCRIPTION)) {
        *static_cast<ULONG *>(request->Value) = verbs;
        request->ValueSize = sizeof(ULONG);
        return STATUS_SUCCESS;
    }
    auto *const answer = static_cast<Answer *>(request->Value);
    answer->Head.AccessFlags = verbs;
    answer->Head.DescriptionSize = sizeof(Answer);
    answer->Head.PropTypeSet.Set = {STATICGUIDOF(KSPROPTYPESETID_General)};
    answer->Head.PropTypeSet.Id = type;
    answer->Head.PropTypeSet.Flags = 0;
    answer->Head.MembersListCount = 1;
    answer->Head.Reserved = 0;
    if (request->ValueSize < sizeof(Answer)) {
        request->ValueSize = sizeof(KSPROPERTY_DESCRIPTION);
        return STATUS_SUCCESS;
    }
    answer->Members = {KSPROPERTY_MEMBER_STEPPEDRANGES, sizeof(KSPROPERTY_STEPPING_LONG), 2, KSPROPERTY_MEMBER_FLAG_BASICSUPPORT_MULTICHANNEL};
    for (KSPROPERTY_STEPPING_LONG &channel : answer->Channels) {
        channel.SteppingDelta = static_cast<ULONG>(step);
        channel.Reserved = 0;
        channel.Bounds.SignedMinimum = lowest;
        channel.Bounds.SignedMaximum = highest;
    }
    request->ValueSize = sizeof(Answer);
    return STATUS_SUCCESS;
}

/// Reads or writes the value of one channel, or of all with channel -1.
static NTSTATUS Channel(PPCPROPERTY_REQUEST request, LONG *values, LONG lowest, LONG highest)
{
    if (request->InstanceSize < sizeof(LONG)) {
        return STATUS_INVALID_DEVICE_REQUEST;
    }
    const LONG channel = *static_cast<const LONG *>(request->Instance);
    if ((channel < -1 || channel > 1) && !FaultIs(FAULT_CHANNEL)) {
        return STATUS_INVALID_PARAMETER;
    }
    const NTSTATUS status = Room(request, sizeof(LONG));
    if (status != STATUS_SUCCESS) {
        return status;
    }
    auto *const value = static_cast<LONG *>(request->Value);
    if (request->Verb & KSPROPERTY_TYPE_GET) {
        *value = InterlockedCompareExchange(&values[channel < 0 ? 0 : channel], 0, 0);
        request->ValueSize = sizeof(LONG);
        return STATUS_SUCCESS;
    }
    const LONG set = max(lowest, min(highest, *value));
    for (LONG index = 0; index < 2; ++index) {
        if (channel < 0 || channel == index) {
            InterlockedExchange(&values[index], set);
        }
    }
    return STATUS_SUCCESS;
}

NTSTATUS NTAPI OnVolume(PPCPROPERTY_REQUEST request)
{
    if (request->Verb & KSPROPERTY_TYPE_BASICSUPPORT) {
        return Support(request, VT_I4, LOWEST, HIGHEST, STEP);
    }
    return Channel(request, ControlsOf(request->MajorTarget)->Volume, LOWEST, HIGHEST);
}

NTSTATUS NTAPI OnMute(PPCPROPERTY_REQUEST request)
{
    if (request->Verb & KSPROPERTY_TYPE_BASICSUPPORT) {
        return Support(request, VT_BOOL, 0, 1, 1);
    }
    return Channel(request, ControlsOf(request->MajorTarget)->Mute, 0, 1);
}

/// A KSMULTIPLE_ITEM and one item behind it.
static NTSTATUS OneItem(PPCPROPERTY_REQUEST request, const void *item, ULONG size)
{
    if (request->Verb & KSPROPERTY_TYPE_BASICSUPPORT) {
        const NTSTATUS status = Room(request, sizeof(ULONG));
        if (status == STATUS_SUCCESS) {
            *static_cast<ULONG *>(request->Value) = KSPROPERTY_TYPE_GET | KSPROPERTY_TYPE_BASICSUPPORT;
            request->ValueSize = sizeof(ULONG);
        }
        return status;
    }
    if (request->InstanceSize < sizeof(ULONG)) {
        return STATUS_INVALID_DEVICE_REQUEST;
    }
    // The pin to the wave filter has no jack: which of the two it is depends on the side.
    const ULONG pin = *static_cast<const ULONG *>(request->Instance);
    if (pin > TOPOLOGY_OUT) {
        return STATUS_INVALID_PARAMETER;
    }
    const ULONG whole = sizeof(KSMULTIPLE_ITEM) + size;
    const NTSTATUS status = Room(request, whole);
    if (status != STATUS_SUCCESS) {
        return status;
    }
    auto *const head = static_cast<KSMULTIPLE_ITEM *>(request->Value);
    *head = {whole, FaultIs(FAULT_JACK) && size == sizeof(KSJACK_DESCRIPTION3) ? 2u : 1u};
    RtlCopyMemory(head + 1, item, size);
    request->ValueSize = whole;
    return STATUS_SUCCESS;
}

NTSTATUS NTAPI OnJack(PPCPROPERTY_REQUEST request)
{
    // Front left and right; a green 3.5 mm jack at the front of the box.
    static const KSJACK_DESCRIPTION jack = {0x3, 0x0000C000, eConnType3Point5mm, eGeoLocFront, eGenLocPrimaryBox, ePortConnJack, TRUE};
    return OneItem(request, &jack, sizeof jack);
}

NTSTATUS NTAPI OnJack2(PPCPROPERTY_REQUEST request)
{
    static const KSJACK_DESCRIPTION2 jack = {0, 0};
    return OneItem(request, &jack, sizeof jack);
}

NTSTATUS NTAPI OnJack3(PPCPROPERTY_REQUEST request)
{
    static const KSJACK_DESCRIPTION3 jack = {1};
    return OneItem(request, &jack, sizeof jack);
}
