//! A key on a token, behind the module of its maker (PKCS#11, OASIS): it signs there and never leaves it.

use std::path::Path;
use std::sync::{Mutex, PoisonError};

use anyhow::{Context as _, Result, bail};
use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::error::{Error, RvError};
use cryptoki::mechanism::Mechanism;
use cryptoki::object::{Attribute, AttributeType, KeyType, ObjectClass, ObjectHandle};
use cryptoki::session::{Session, UserType};
use cryptoki::types::AuthPin;
use waverig_package::Sha256Digest;
use waverig_package::cert::{CertError, Key};

use super::secret::Exposed;

/// `DigestInfo` of a SHA-256 up to the digest itself (RFC 8017, 9.2, note 1): the mechanism CKM_RSA_PKCS signs it whole.
const DIGEST_INFO: [u8; 19] = [
    0x30, 0x31, 0x30, 0x0D, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05,
    0x00, 0x04, 0x20,
];

pub(super) struct Token {
    label: String,
    session: Mutex<Session>,
    key: ObjectHandle,
}

/// Opens the key that is called `label` on the token that is called `token`.
pub(super) fn open(module: &Path, token: &str, label: &str, pin: Option<Exposed>) -> Result<Token> {
    let library = Pkcs11::new(module)
        .with_context(|| format!("{} is no PKCS#11 module", module.display()))?;
    match library.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK)) {
        Ok(()) | Err(Error::Pkcs11(RvError::CryptokiAlreadyInitialized, _)) => {}
        Err(error) => {
            return Err(error).with_context(|| format!("{} does not start", module.display()));
        }
    }
    let mut labels = Vec::new();
    let mut slots = Vec::new();
    for slot in library.get_slots_with_token()? {
        let found = library.get_token_info(slot)?.label().to_owned();
        if found == token {
            slots.push(slot);
        }
        labels.push(found);
    }
    let [slot] = slots[..] else {
        bail!(
            "{} tokens are called {token}; {} has {}",
            slots.len(),
            module.display(),
            labels.join(", ")
        );
    };
    let session = library.open_ro_session(slot)?;
    let pin = pin.map(|pin| AuthPin::from(pin.expose()));
    match session.login(UserType::User, pin.as_ref()) {
        Ok(()) | Err(Error::Pkcs11(RvError::UserAlreadyLoggedIn, _)) => {}
        Err(error) => {
            return Err(error).with_context(|| {
                format!("token {token} does not take the PIN; a few wrong ones lock it")
            });
        }
    }
    let wanted = [
        Attribute::Class(ObjectClass::PRIVATE_KEY),
        Attribute::Label(label.into()),
    ];
    let found = session.find_objects(&wanted)?;
    let [key] = found[..] else {
        bail!("{} keys on token {token} are called {label}", found.len());
    };
    let about = session.get_attributes(
        key,
        &[AttributeType::KeyType, AttributeType::AlwaysAuthenticate],
    )?;
    if about.contains(&Attribute::AlwaysAuthenticate(true)) {
        bail!(
            "key {label} on token {token} wants its PIN for each signature (CKA_ALWAYS_AUTHENTICATE), which is not done here; sign through a command"
        );
    }
    if !about.contains(&Attribute::KeyType(KeyType::RSA)) {
        bail!("key {label} on token {token} is not an RSA key, which is what Windows takes");
    }
    Ok(Token {
        label: format!("key {label} on token {token}"),
        session: Mutex::new(session),
        key,
    })
}

impl Key for Token {
    fn place(&self) -> String {
        self.label.clone()
    }

    fn sign(&self, digest: Sha256Digest) -> Result<Vec<u8>, CertError> {
        let session = self.session.lock().unwrap_or_else(PoisonError::into_inner);
        let message = [&DIGEST_INFO[..], &digest.0].concat();
        session
            .sign(&Mechanism::RsaPkcs, self.key, &message)
            .map_err(|error| CertError::new(error.to_string()))
    }
}
