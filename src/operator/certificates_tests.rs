//! Files in a folder, as certificate managers and editors leave them.

use super::*;
use rcgen::{CertificateParams, KeyPair};

/// A folder that goes away with the test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("tuning-certificates-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn write(&self, (certificate, key): &(String, String)) {
        std::fs::write(self.0.join(CERTIFICATE), certificate).unwrap();
        std::fs::write(self.0.join(KEY), key).unwrap();
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A certificate and its key, as PEM.
fn pair() -> (String, String) {
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec!["operator.example".to_owned()]).unwrap();
    (params.self_signed(&key).unwrap().pem(), key.serialize_pem())
}

#[test]
fn what_is_replaced_is_shown_next_and_what_is_broken_changes_nothing() {
    let (folder, first, second) = (Folder::new("replaced"), pair(), pair());
    folder.write(&first);
    let certificates = Certificates::new(Some(folder.0.clone())).unwrap();
    let shown = || certificates.now().cert[0].to_vec();
    let der = |pair: &(String, String)| {
        CertificateDer::from_pem_slice(pair.0.as_bytes())
            .unwrap()
            .to_vec()
    };
    assert_eq!(shown(), der(&first));
    // Half of it is there.
    std::fs::write(folder.0.join(CERTIFICATE), &second.0).unwrap();
    assert_eq!(shown(), der(&first));
    let complaint = || lock(&certificates.shown).complaint.clone();
    let said = complaint().unwrap();
    assert!(
        said.contains("tls.key: it is not the key of the certificate in tls.crt"),
        "{said}"
    );
    std::fs::remove_file(folder.0.join(KEY)).unwrap();
    assert_eq!(shown(), der(&first));
    assert!(complaint().unwrap().contains("tls.key can't be read"));
    folder.write(&second);
    assert_eq!((shown(), complaint()), (der(&second), None));
}

#[test]
fn what_cannot_be_used_at_the_start_is_refused_by_the_name_of_its_file() {
    let (good, other) = (pair(), pair());
    let text = "not a certificate".to_owned();
    let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n".to_owned();
    let cases = [
        (
            (text.clone(), good.1.clone()),
            "tls.crt: there is no certificate in it",
        ),
        ((broken, good.1.clone()), "tls.crt: "),
        (
            (good.0.clone(), text),
            "tls.key: there is no key in it that is not encrypted",
        ),
        ((good.0.clone(), good.0.clone()), "tls.key: there is no key in it"),
        (
            (good.0, other.1),
            "tls.key: it is not the key of the certificate in tls.crt",
        ),
    ];
    let folder = Folder::new("refused");
    for (pair, says) in &cases {
        folder.write(pair);
        let why = Certificates::new(Some(folder.0.clone())).unwrap_err();
        let wanted = format!("--metrics-certificates: {}/{says}", folder.0.display());
        assert!(why.starts_with(&wanted), "{why}");
        assert!(!why.contains("BEGIN PRIVATE KEY-----"), "{why}");
    }
    let missing = Certificates::new(Some("/does/not/exist".into())).unwrap_err();
    assert!(
        missing.starts_with("--metrics-certificates: /does/not/exist/tls.crt can't be read: ")
            && missing.contains("kubernetes.io/tls"),
        "{missing}"
    );
}

#[test]
fn a_certificate_of_its_own_is_another_at_each_start_and_says_nothing_of_its_key() {
    let (one, other) = (Certificates::new(None).unwrap(), Certificates::new(None).unwrap());
    assert_ne!(one.now().cert, other.now().cert);
    assert_eq!(one.now().cert, one.now().cert);
    assert_eq!(format!("{one:?}"), "Certificates { folder: None, .. }");
}
