// The miniports of the topology filters.
#include "desk.h"

class Topology : public IMiniportTopology, public CUnknown {
public:
    DECLARE_STD_UNKNOWN()
    explicit Topology(Side side) : CUnknown(nullptr), m_side(side), m_controls{} {}

    STDMETHODIMP_(NTSTATUS) GetDescription(PPCFILTER_DESCRIPTOR *out) override
    {
        *out = const_cast<PPCFILTER_DESCRIPTOR>(TopologyFilter(m_side));
        return STATUS_SUCCESS;
    }

    STDMETHODIMP_(NTSTATUS)
    DataRangeIntersection(ULONG, PKSDATARANGE, PKSDATARANGE, ULONG, PVOID, PULONG) override { return STATUS_NOT_IMPLEMENTED; }

    STDMETHODIMP_(NTSTATUS) Init(PUNKNOWN, PRESOURCELIST, PPORTTOPOLOGY) override { return STATUS_SUCCESS; }

    Controls *Values() { return &m_controls; }

private:
    const Side m_side;
    Controls m_controls;
};

STDMETHODIMP_(NTSTATUS) Topology::NonDelegatingQueryInterface(REFIID id, PVOID *out)
{
    if (IsEqualGUID(id, IID_IUnknown)) {
        *out = QICASTUNKNOWN(IMiniportTopology *);
    } else if (IsEqualGUID(id, IID_IMiniport) || IsEqualGUID(id, IID_IMiniportTopology)) {
        *out = QICAST(IMiniportTopology *);
    } else {
        *out = nullptr;
        return STATUS_INVALID_PARAMETER;
    }
    static_cast<PUNKNOWN>(*out)->AddRef();
    return STATUS_SUCCESS;
}

NTSTATUS CreateTopology(PUNKNOWN *out, Side side)
{
    auto *const topology = new (NonPagedPoolNx, TAG) Topology(side);
    if (!topology) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    *out = PUNKNOWN(static_cast<IMiniportTopology *>(topology));
    (*out)->AddRef();
    return STATUS_SUCCESS;
}

Controls *ControlsOf(PUNKNOWN topology)
{
    return static_cast<Topology *>(static_cast<IMiniportTopology *>(topology))->Values();
}
