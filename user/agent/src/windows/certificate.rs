//! The machine's trust in the test certificate: in the stores that the installation of drivers asks, and out of them again.

use anyhow::{Context as _, Result};
use windows::Win32::Foundation::CRYPT_E_NOT_FOUND;
use windows::Win32::Security::Cryptography::{
    CERT_CONTEXT, CERT_FIND_EXISTING, CERT_OPEN_STORE_FLAGS, CERT_STORE_ADD_USE_EXISTING,
    CERT_STORE_CTRL_COMMIT, CERT_STORE_PROV_SYSTEM_W, CERT_STORE_READONLY_FLAG,
    CERT_SYSTEM_STORE_LOCAL_MACHINE, CertAddEncodedCertificateToStore, CertCloseStore,
    CertControlStore, CertCreateCertificateContext, CertDeleteCertificateFromStore,
    CertEnumCertificatesInStore, CertFindCertificateInStore, CertFreeCertificateContext,
    CertOpenStore, CertVerifyTimeValidity, HCERTSTORE, PKCS_7_ASN_ENCODING, X509_ASN_ENCODING,
};
use windows::core::HSTRING;

/// The stores of the machine in which a test certificate must stand ("Test Signing", "Installing Test Certificates").
pub const STORES: [&str; 2] = ["Root", "TrustedPublisher"];

/// An open store of the machine.
struct Store(HCERTSTORE);

impl Store {
    /// To be changed, which takes an administrator.
    fn open(name: &str) -> Result<Self> {
        Self::open_with(name, 0)
    }

    /// To be looked at.
    fn read(name: &str) -> Result<Self> {
        Self::open_with(name, CERT_STORE_READONLY_FLAG.0)
    }

    fn open_with(name: &str, flags: u32) -> Result<Self> {
        let wide = HSTRING::from(name);
        // SAFETY: for a system store the parameter is the store's name as wide text (CertOpenStore), which outlives the call.
        let store = unsafe {
            CertOpenStore(
                CERT_STORE_PROV_SYSTEM_W,
                Default::default(),
                None,
                CERT_OPEN_STORE_FLAGS(CERT_SYSTEM_STORE_LOCAL_MACHINE | flags),
                Some(wide.as_ptr().cast()),
            )
        };
        Ok(Self(store.with_context(|| {
            format!("the machine's store {name} does not open")
        })?))
    }

    /// Has what was changed written now, not when the last reference to the store is gone, which may be somebody else's (in Wine 8 a
    /// certificate that was deleted keeps one).
    fn commit(&self) -> Result<()> {
        // SAFETY: it is open; this control takes nothing.
        unsafe { CertControlStore(self.0, Default::default(), CERT_STORE_CTRL_COMMIT, None) }
            .context("a store of the machine is not written")
    }

    /// Takes a certificate out, as often as it is in it.
    fn delete(&self, certificate: &Certificate) -> windows::core::Result<()> {
        while let Some(found) = self.find(certificate) {
            let found = std::mem::ManuallyDrop::new(found);
            // SAFETY: the certificate is this store's. The call frees it also when it fails, so nobody drops it.
            match unsafe { CertDeleteCertificateFromStore(found.0) } {
                Ok(()) => {}
                Err(error) if error.code() == CRYPT_E_NOT_FOUND => break,
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// The same certificate in it.
    fn find(&self, wanted: &Certificate) -> Option<Certificate> {
        // SAFETY: both are open; this kind of search takes a certificate (CertFindCertificateInStore).
        let found = unsafe {
            CertFindCertificateInStore(
                self.0,
                X509_ASN_ENCODING,
                0,
                CERT_FIND_EXISTING,
                Some(wanted.0.cast()),
                None,
            )
        };
        (!found.is_null()).then_some(Certificate(found))
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        // SAFETY: it is open and this is its only owner.
        let _ = unsafe { CertCloseStore(Some(self.0), 0) };
    }
}

/// A certificate that Windows has read.
pub struct Certificate(*mut CERT_CONTEXT);

impl Certificate {
    /// Reads DER.
    ///
    /// # Errors
    /// When it is no certificate.
    pub fn new(der: &[u8]) -> Result<Self> {
        // SAFETY: Windows makes a copy of the bytes.
        let context =
            unsafe { CertCreateCertificateContext(X509_ASN_ENCODING | PKCS_7_ASN_ENCODING, der) };
        if context.is_null() {
            let why = windows::core::Error::from_thread();
            return Err(why).context("the payload is no X.509 certificate");
        }
        Ok(Self(context))
    }

    /// Whether the machine's clock is within its dates: before (-1), within (0) or after (1).
    pub fn dates(&self) -> i32 {
        // SAFETY: the context holds its information as long as it is there.
        unsafe { CertVerifyTimeValidity(None, (*self.0).pCertInfo) }
    }
}

impl Drop for Certificate {
    fn drop(&mut self) {
        // SAFETY: this is its only owner.
        let _ = unsafe { CertFreeCertificateContext(Some(self.0)) };
    }
}

/// Puts a certificate into both stores.
///
/// # Errors
/// When it is none, or a store takes it not.
pub fn trust(der: &[u8]) -> Result<()> {
    let certificate = Certificate::new(der)?;
    for name in STORES {
        let store = Store::open(name)?;
        if store.find(&certificate).is_some() {
            continue;
        }
        // SAFETY: the store is open.
        unsafe {
            CertAddEncodedCertificateToStore(
                Some(store.0),
                X509_ASN_ENCODING,
                der,
                CERT_STORE_ADD_USE_EXISTING,
                None,
            )
        }
        .with_context(|| format!("the machine's store {name} does not take the certificate"))?;
        store.commit()?;
    }
    Ok(())
}

/// Takes a certificate out of both stores.
///
/// # Errors
/// When a store keeps it.
pub fn distrust(der: &[u8]) -> Result<()> {
    let certificate = Certificate::new(der)?;
    for name in STORES {
        let store = Store::open(name)?;
        store
            .delete(&certificate)
            .with_context(|| format!("the store {name} keeps it"))?;
        store.commit()?;
    }
    Ok(())
}

/// Takes those certificates out of a store whose DER is `wanted`; that there is none is no error.
///
/// # Errors
/// When the store keeps one.
pub fn remove(store: &str, wanted: impl Fn(&[u8]) -> bool) -> Result<()> {
    let open = Store::open(store)?;
    let mut wanted_ones = Vec::new();
    let mut at: *const CERT_CONTEXT = std::ptr::null();
    loop {
        // SAFETY: the store is open; the call frees the certificate that it is given, which nobody has any more.
        let next = unsafe { CertEnumCertificatesInStore(open.0, (!at.is_null()).then_some(at)) };
        if next.is_null() {
            break;
        }
        at = next;
        // SAFETY: the context holds its bytes as long as it is there.
        let der = unsafe {
            std::slice::from_raw_parts((*next).pbCertEncoded, (*next).cbCertEncoded as usize)
        };
        if wanted(der) {
            wanted_ones.push(Certificate::new(der)?);
        }
    }
    for one in wanted_ones {
        open.delete(&one)
            .with_context(|| format!("the store {store} keeps it"))?;
    }
    open.commit()
}

/// The stores in which it stands.
///
/// # Errors
/// When it is none, or a store does not open.
pub fn stands_in(der: &[u8]) -> Result<Vec<&'static str>> {
    let certificate = Certificate::new(der)?;
    let mut stores = Vec::new();
    for name in STORES {
        if Store::read(name)?.find(&certificate).is_some() {
            stores.push(name);
        }
    }
    Ok(stores)
}
