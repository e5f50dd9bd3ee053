//! Certificate authority of a test, and certificates for servers on loopback (X.509 on P-256, RFC 5280).

mod der;

use std::fs;
use std::path::{Path, PathBuf};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use der::{Extension, Subject};

use crate::hex;

/// Certificate authority, with its files in a folder.
#[derive(Debug)]
pub struct Authority {
    key: EcdsaKeyPair,
    folder: PathBuf,
}

/// Files of a certificate of a server, in PEM.
#[derive(Clone, Debug)]
pub struct CertificateFiles {
    /// Certificate.
    pub certificate: PathBuf,
    /// Private key.
    pub key: PathBuf,
}

impl Authority {
    /// A new authority. Its certificate is `authority.pem` in `folder`.
    ///
    /// # Panics
    /// If the folder cannot be written.
    #[must_use]
    pub fn new(folder: &Path) -> Self {
        let (key, _) = new_key();
        let authority = Self { key, folder: folder.to_owned() };
        let name = authority.name();
        let subject = Subject { name: &name, point: authority.key.public_key().as_ref(), last_year: 2090 };
        authority.write(&authority.certificate(), &subject, &Extension::Authority);
        authority
    }

    /// File with the certificate of the authority.
    #[must_use]
    pub fn certificate(&self) -> PathBuf {
        self.folder.join("authority.pem")
    }

    /// Issues a certificate for `host`, in files with this name.
    ///
    /// # Panics
    /// If the folder cannot be written.
    #[must_use]
    pub fn issue(&self, name: &str, host: &str) -> CertificateFiles {
        self.issue_until(name, host, 2090)
    }

    /// Issues a certificate for `host` that is valid until the first day of a year.
    ///
    /// # Panics
    /// If the folder cannot be written.
    #[must_use]
    pub fn issue_until(&self, name: &str, host: &str, last_year: u16) -> CertificateFiles {
        let file = |suffix: &str| self.folder.join(format!("{name}.{suffix}"));
        let files = CertificateFiles { certificate: file("pem"), key: file("key") };
        let (key, pkcs8) = new_key();
        let subject = Subject { name: host, point: key.public_key().as_ref(), last_year };
        self.write(&files.certificate, &subject, &Extension::Host(host));
        fs::write(&files.key, pem("PRIVATE KEY", &pkcs8)).expect("a file");
        files
    }

    /// Name that no other authority has: clients look issuers up by it.
    fn name(&self) -> String {
        format!("authority {}", hex(&self.key.public_key().as_ref()[1..9]))
    }

    fn write(&self, path: &Path, subject: &Subject<'_>, extension: &Extension<'_>) {
        let sign = |bytes: &[u8]| {
            let signature = self.key.sign(&SystemRandom::new(), bytes).expect("a signature");
            signature.as_ref().to_vec()
        };
        fs::write(path, pem("CERTIFICATE", &der::certificate(&self.name(), subject, extension, sign)))
            .expect("a file");
    }
}

fn new_key() -> (EcdsaKeyPair, Vec<u8>) {
    let algorithm = &ECDSA_P256_SHA256_ASN1_SIGNING;
    let pkcs8 = EcdsaKeyPair::generate_pkcs8(algorithm, &SystemRandom::new()).expect("a key");
    let key = EcdsaKeyPair::from_pkcs8(algorithm, pkcs8.as_ref()).expect("a key");
    (key, pkcs8.as_ref().to_vec())
}

fn pem(label: &str, der: &[u8]) -> String {
    let text = BASE64_STANDARD.encode(der);
    let lines: Vec<_> = text.as_bytes().chunks(64).map(String::from_utf8_lossy).collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}
