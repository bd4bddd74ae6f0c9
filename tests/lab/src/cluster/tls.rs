//! A certificate authority of the lab's own, with a server's and a client's certificate, as PEM files.

use std::path::{Path, PathBuf};

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
};

use super::write;
use crate::error::{Doing, Error, Result};

/// Whether a TLS listener asks clients for a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientAuth {
    /// It does not.
    None,
    /// It takes one if offered.
    Requested,
    /// It insists.
    Required,
}

/// Where the PEM files are.
#[derive(Debug, Clone)]
pub struct TlsFiles {
    /// The CA that signed the server and the client.
    pub ca: PathBuf,
    /// A CA that signed nothing here: trusting only this one must fail.
    pub other_ca: PathBuf,
    /// The server's key and chain in one file.
    pub server_keystore: PathBuf,
    /// A client's certificate.
    pub client_cert: PathBuf,
    /// Its key.
    pub client_key: PathBuf,
    /// Both in one file.
    pub client_keystore: PathBuf,
}

impl TlsFiles {
    pub(super) fn at(dir: &Path) -> Self {
        Self {
            ca: dir.join("ca.pem"),
            other_ca: dir.join("other-ca.pem"),
            server_keystore: dir.join("server.pem"),
            client_cert: dir.join("client.crt.pem"),
            client_key: dir.join("client.key.pem"),
            client_keystore: dir.join("client.pem"),
        }
    }
}

/// Creates all of them in `dir`.
pub(super) fn create(dir: &Path) -> Result<TlsFiles> {
    std::fs::create_dir_all(dir).doing(|| format!("create {}", dir.display()))?;
    let files = TlsFiles::at(dir);
    let made = make().map_err(|error| Error::Usage(format!("cannot make certificates: {error}")))?;
    write(&files.ca, &made.ca)?;
    write(&files.other_ca, &made.other_ca)?;
    write(&files.server_keystore, &format!("{}{}", made.server.1, made.server.0))?;
    write(&files.client_cert, &made.client.0)?;
    write(&files.client_key, &made.client.1)?;
    write(&files.client_keystore, &format!("{}{}", made.client.1, made.client.0))?;
    Ok(files)
}

struct Made {
    ca: String,
    other_ca: String,
    server: (String, String),
    client: (String, String),
}

fn make() -> Result<Made, rcgen::Error> {
    let (ca, issuer) = authority("cutover lab CA")?;
    let (other_ca, _) = authority("another CA")?;
    let server = signed("localhost", ExtendedKeyUsagePurpose::ServerAuth, &issuer)?;
    let client = signed("lab-client", ExtendedKeyUsagePurpose::ClientAuth, &issuer)?;
    Ok(Made { ca, other_ca, server, client })
}

fn authority(name: &str) -> Result<(String, Issuer<'static, KeyPair>), rcgen::Error> {
    let mut params = CertificateParams::new(Vec::new())?;
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let key = KeyPair::generate()?;
    let pem = params.self_signed(&key)?.pem();
    Ok((pem, Issuer::new(params, key)))
}

fn signed(
    name: &str,
    purpose: ExtendedKeyUsagePurpose,
    issuer: &Issuer<'static, KeyPair>,
) -> Result<(String, String), rcgen::Error> {
    let mut params = CertificateParams::new(vec!["localhost".to_owned(), "127.0.0.1".to_owned()])?;
    params.distinguished_name.push(DnType::CommonName, name);
    params.extended_key_usages = vec![purpose];
    let key = KeyPair::generate()?;
    Ok((params.signed_by(&key, issuer)?.pem(), key.serialize_pem()))
}
