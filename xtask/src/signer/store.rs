//! A certificate in Windows' store, by its thumbprint: Windows PowerShell asks .NET, which asks the key's provider (CNG or CSP),
//! so that keys on tokens and keys that may not be exported sign like others. Not yet seen on Windows.
//!
//! Sources: `RSACertificateExtensions.GetRSAPrivateKey`, `RSA.SignHash` and `X509Chain` (.NET Framework 4.6 and later), about_Certificate_Provider.

use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use base64ct::{Base64, Encoding as _};
use serde::Deserialize;
use waverig_package::Sha256Digest;
use waverig_package::cert::{CertError, Certificate, Key};
use waverig_vm::hyperv::powershell::PowerShell;
use waverig_vm::hyperv::{Executor, Failure};

/// Somebody may have to type a PIN into a window of the token's maker.
const DEADLINE: Duration = Duration::from_secs(300);

pub(super) struct Stored {
    place: String,
    powershell: Box<dyn Executor>,
}

/// Opens the certificate with this thumbprint and reads its chain.
pub(super) fn open(thumbprint: &str, machine: bool) -> Result<(Vec<Certificate>, Stored)> {
    if !cfg!(windows) {
        bail!("kind = \"store\" works on Windows only; take \"file\", \"pkcs11\" or \"command\"");
    }
    open_by(Box::new(PowerShell::of_windows()), thumbprint, machine)
}

pub(super) fn open_by(
    powershell: Box<dyn Executor>,
    thumbprint: &str,
    machine: bool,
) -> Result<(Vec<Certificate>, Stored)> {
    // The window that shows it writes spaces, and an invisible mark before the first digit.
    let digits: String = thumbprint
        .chars()
        .filter(|letter| !letter.is_whitespace() && *letter != '\u{200E}')
        .collect();
    if digits.len() != 40 || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        bail!("thumbprint is not one: 40 hexadecimal digits, as Windows shows it");
    }
    let store = if machine {
        "LocalMachine"
    } else {
        "CurrentUser"
    };
    let place = format!(r"Cert:\{store}\My\{}", digits.to_ascii_uppercase());
    let stored = Stored { place, powershell };
    let answer = stored
        .ask(&chain_script(&stored.place))
        .with_context(|| format!("{} is not usable", stored.place))?;
    let chain = answer.chain.iter().map(|text| {
        let der = Base64::decode_vec(text)
            .map_err(|_| CertError::new("PowerShell gave no certificate"))?;
        Certificate::from_der(&der)
    });
    let chain = chain
        .collect::<Result<_, _>>()
        .with_context(|| stored.place.clone())?;
    Ok((chain, stored))
}

/// The certificates from the signer's up to the root, as Windows finds them.
pub(super) fn chain_script(place: &str) -> String {
    format!(
        "$certificate = Get-Item -LiteralPath '{place}'
if (-not $certificate.HasPrivateKey) {{ throw 'the store has no private key for it' }}
$chain = New-Object Security.Cryptography.X509Certificates.X509Chain
$chain.ChainPolicy.RevocationMode = 'NoCheck'
$null = $chain.Build($certificate)
@{{ 'chain' = @($chain.ChainElements | ForEach-Object {{ [Convert]::ToBase64String($_.Certificate.RawData) }}) }}"
    )
}

/// A PKCS#1 v1.5 signature of a digest.
pub(super) fn sign_script(place: &str, digest: Sha256Digest) -> String {
    format!(
        "$certificate = Get-Item -LiteralPath '{place}'
$key = [Security.Cryptography.X509Certificates.RSACertificateExtensions]::GetRSAPrivateKey($certificate)
if ($null -eq $key) {{ throw 'it has no RSA key that may be used' }}
$signature = $key.SignHash([Convert]::FromBase64String('{}'), [Security.Cryptography.HashAlgorithmName]::SHA256, [Security.Cryptography.RSASignaturePadding]::Pkcs1)
@{{ 'signature' = [Convert]::ToBase64String($signature) }}",
        Base64::encode_string(&digest.0)
    )
}

/// One line of JSON, as the rig's PowerShell answers.
#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Answer {
    Value([Said; 1]),
    Error { message: String },
}

#[derive(Deserialize)]
struct Said {
    #[serde(default)]
    chain: Vec<String>,
    #[serde(default)]
    signature: String,
}

impl Stored {
    fn ask(&self, script: &str) -> Result<Said, CertError> {
        let answer = self
            .powershell
            .run(script, DEADLINE)
            .map_err(|failure| match failure {
                Failure::Late(_) => CertError::new(format!(
                    "nothing came back within {} s; is there a window that waits for a PIN?",
                    DEADLINE.as_secs()
                )),
                other => CertError::new(other.to_string()),
            })?;
        match serde_json::from_str(&answer) {
            Ok(Answer::Value([said])) => Ok(said),
            Ok(Answer::Error { message }) => Err(CertError::new(message)),
            Err(error) => Err(CertError::new(format!(
                "PowerShell's answer is not one: {error}"
            ))),
        }
    }
}

impl Key for Stored {
    fn place(&self) -> String {
        self.place.clone()
    }

    fn sign(&self, digest: Sha256Digest) -> Result<Vec<u8>, CertError> {
        let said = self.ask(&sign_script(&self.place, digest))?;
        Base64::decode_vec(&said.signature).map_err(|_| CertError::new("no signature came back"))
    }
}
