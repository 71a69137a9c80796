// CUnknown: the reference count of every object, and whom it asks for interfaces.
#include "desk.h"

CUnknown::CUnknown(PUNKNOWN outer)
    : m_ref_count(0),
      m_outer_unknown(outer ? outer : reinterpret_cast<PUNKNOWN>(static_cast<INonDelegatingUnknown *>(this)))
{
}

CUnknown::~CUnknown() {}

STDMETHODIMP_(ULONG) CUnknown::NonDelegatingAddRef()
{
    return InterlockedIncrement(&m_ref_count);
}

STDMETHODIMP_(ULONG) CUnknown::NonDelegatingRelease()
{
    const LONG left = InterlockedDecrement(&m_ref_count);
    if (left == 0) {
        // Whoever is told of the end while it is destroyed may take references of its own.
        InterlockedIncrement(&m_ref_count);
        delete this;
    }
    return left;
}

STDMETHODIMP_(NTSTATUS) CUnknown::NonDelegatingQueryInterface(REFIID id, PVOID *out)
{
    if (!IsEqualGUID(id, IID_IUnknown)) {
        *out = nullptr;
        return STATUS_INVALID_PARAMETER;
    }
    *out = reinterpret_cast<PUNKNOWN>(static_cast<INonDelegatingUnknown *>(this));
    NonDelegatingAddRef();
    return STATUS_SUCCESS;
}
