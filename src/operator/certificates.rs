//! The certificate by which the operator's own HTTPS endpoint is known: from a folder, read again for each handshake, or made
//! at the start.

use crate::shell::lock;
use ring::digest::{Context, SHA256};
use rustls::InconsistentKeys;
use rustls::crypto::ring::default_provider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

/// The flag that names the folder.
const FLAG: &str = "--metrics-certificates";
/// Names of the files in it, as in a Secret of type kubernetes.io/tls.
const CERTIFICATE: &str = "tls.crt";
const KEY: &str = "tls.key";
/// Whom a certificate is for that the operator makes. Nobody believes it by its names.
const OWN_NAMES: [&str; 2] = ["localhost", "127.0.0.1"];

/// The certificate that is shown now, and where the next one comes from.
pub struct Certificates {
    /// `None`: it was made at the start, and stays.
    folder: Option<PathBuf>,
    shown: Mutex<Shown>,
}

struct Shown {
    certificate: Arc<CertifiedKey>,
    /// SHA-256 of the files that it was read from.
    files: Option<[u8; 32]>,
    /// Why the files that are there now can't be used: said once.
    complaint: Option<String>,
}

impl Certificates {
    /// Those of this folder, or else a self-signed one that lasts as long as the process.
    ///
    /// # Errors
    /// A sentence that names the flag, the file and the cure.
    pub fn new(folder: Option<PathBuf>) -> Result<Self, String> {
        let (certificate, files) = match &folder {
            Some(folder) => {
                let files =
                    Files::read(folder).and_then(|files| Ok((files.parse(folder)?, Some(files.hash()))));
                files.map_err(|why| format!("{FLAG}: {why}"))?
            }
            None => (own()?, None),
        };
        let shown = Shown {
            certificate: Arc::new(certificate),
            files,
            complaint: None,
        };
        Ok(Self {
            folder,
            shown: Mutex::new(shown),
        })
    }

    /// The certificate for the next handshake. Files that can't be used leave the last good one in place: they may be half written.
    fn now(&self) -> Arc<CertifiedKey> {
        let mut shown = lock(&self.shown);
        let Some(folder) = &self.folder else {
            return shown.certificate.clone();
        };
        let read = Files::read(folder).and_then(|files| {
            let hash = Some(files.hash());
            let is_new = hash != shown.files;
            Ok((hash, is_new.then(|| files.parse(folder)).transpose()?))
        });
        match read {
            Ok((hash, new)) => {
                shown.complaint = None;
                if let Some(certificate) = new {
                    shown.certificate = Arc::new(certificate);
                    shown.files = hash;
                    tracing::info!(folder = %folder.display(), "the certificate of the metrics was replaced");
                }
            }
            Err(why) if shown.complaint.as_ref() != Some(&why) => {
                tracing::warn!(
                    error = why,
                    "the certificate of the metrics stays the one that was read before"
                );
                shown.complaint = Some(why);
            }
            Err(_) => {}
        }
        shown.certificate.clone()
    }
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.now())
    }
}

impl std::fmt::Debug for Certificates {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Certificates")
            .field("folder", &self.folder)
            .finish_non_exhaustive()
    }
}

/// What lies in the folder.
struct Files {
    certificate: Vec<u8>,
    key: Vec<u8>,
}

impl Files {
    fn read(folder: &Path) -> Result<Self, String> {
        let read = |name| {
            let path = folder.join(name);
            std::fs::read(&path).map_err(|error| {
                let cure = "the folder has to hold tls.crt and tls.key, as a Secret of type kubernetes.io/tls does where it is mounted";
                format!("{} can't be read: {error}; {cure}", path.display())
            })
        };
        Ok(Self {
            certificate: read(CERTIFICATE)?,
            key: read(KEY)?,
        })
    }

    fn hash(&self) -> [u8; 32] {
        let mut context = Context::new(&SHA256);
        context.update(&(self.certificate.len() as u64).to_be_bytes());
        context.update(&self.certificate);
        context.update(&self.key);
        let mut hash = [0; 32];
        hash.copy_from_slice(context.finish().as_ref());
        hash
    }

    fn parse(&self, folder: &Path) -> Result<CertifiedKey, String> {
        let wrong = |name, why: String| format!("{}: {why}", folder.join(name).display());
        let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&self.certificate).collect();
        let chain = chain.map_err(|error| wrong(CERTIFICATE, error.to_string()))?;
        if chain.is_empty() {
            let why = "there is no certificate in it (PEM, BEGIN CERTIFICATE)";
            return Err(wrong(CERTIFICATE, why.into()));
        }
        let key = PrivateKeyDer::from_pem_slice(&self.key).map_err(|error| match error {
            rustls::pki_types::pem::Error::NoItemsFound => wrong(
                KEY,
                "there is no key in it that is not encrypted (PEM, BEGIN PRIVATE KEY)".into(),
            ),
            error => wrong(KEY, error.to_string()),
        })?;
        CertifiedKey::from_der(chain, key, &default_provider()).map_err(|error| match error {
            rustls::Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => wrong(
                KEY,
                format!("it is not the key of the certificate in {CERTIFICATE}"),
            ),
            rustls::Error::InvalidCertificate(_) => wrong(CERTIFICATE, error.to_string()),
            error => wrong(KEY, error.to_string()),
        })
    }
}

/// A certificate that only encrypts: nobody vouches for it.
fn own() -> Result<CertifiedKey, String> {
    let failed =
        |error: &dyn std::fmt::Display| format!("--metrics-listen: a certificate could not be made: {error}");
    let names = OWN_NAMES.map(str::to_owned);
    let mut params = rcgen::CertificateParams::new(names).map_err(|e| failed(&e))?;
    params.distinguished_name = rcgen::DistinguishedName::new();
    params
        .distinguished_name
        .push(rcgen::DnType::CommonName, super::MANAGER);
    let key = rcgen::KeyPair::generate().map_err(|e| failed(&e))?;
    let certificate = params.self_signed(&key).map_err(|e| failed(&e))?;
    let key = PrivateKeyDer::Pkcs8(key.serialize_der().into());
    CertifiedKey::from_der(vec![certificate.der().clone()], key, &default_provider()).map_err(|e| failed(&e))
}

#[cfg(test)]
#[path = "certificates_tests.rs"]
mod tests;
