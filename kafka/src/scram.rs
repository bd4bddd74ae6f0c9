//! SCRAM (RFC 5802, 7677) with SHA-256 or SHA-512, the client's side, without channel binding.
//!
//! As Kafka does it: no SASLprep, `=` and `,` escaped in the user's name. The server has to prove it knows the password
//! too; the iteration count is bounded on both sides, against a downgrade and against a stall.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac};
use sha2::{Digest, Sha256, Sha512};

use crate::Secret;

const ITERATIONS: std::ops::RangeInclusive<u32> = 4096..=1_000_000;

/// The hash of the mechanism.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hash {
    Sha256,
    Sha512,
}

/// The exchange after the client's first message.
pub(crate) struct Scram {
    hash: Hash,
    nonce: String,
    first_bare: String,
    password: Secret,
}

/// What is left after the client's last message: checking the server's proof.
pub(crate) struct ServerProof {
    hash: Hash,
    server_key: Vec<u8>,
    auth_message: String,
}

impl Scram {
    /// Begins with the user's name and a fresh nonce of printable characters without commas.
    pub(crate) fn new(hash: Hash, username: &str, password: &Secret, nonce: String) -> (Self, Secret) {
        let name = username.replace('=', "=3D").replace(',', "=2C");
        let first_bare = format!("n={name},r={nonce}");
        let message = Secret::new(format!("n,,{first_bare}"));
        (Self { hash, nonce, first_bare, password: password.clone() }, message)
    }

    /// Answers the server's first message. Takes long: run it where blocking is allowed.
    pub(crate) fn answer(self, server_first: &[u8]) -> Result<(ServerProof, Secret), String> {
        let server_first = std::str::from_utf8(server_first).map_err(|_| "the server's challenge is not text")?;
        if server_first.starts_with("m=") {
            return Err("the server demands a SCRAM extension".into());
        }
        if let Some(error) = server_first.strip_prefix("e=") {
            return Err(format!("the server answered {}", error.escape_default()));
        }
        let mut parts = server_first.split(',');
        let mut part = |name: &str| parts.next().and_then(|part| part.strip_prefix(name)).ok_or("malformed challenge");
        let (nonce, salt, iterations) = (part("r=")?, part("s=")?, part("i=")?);
        if !nonce.starts_with(&self.nonce) || nonce.len() == self.nonce.len() {
            return Err("the server's nonce does not continue ours".into());
        }
        let salt = STANDARD.decode(salt).map_err(|_| "malformed salt")?;
        let iterations = iterations.parse().map_err(|_| "malformed iteration count")?;
        if !ITERATIONS.contains(&iterations) {
            return Err(format!("the server's iteration count {iterations} is outside 4096 to 1000000"));
        }
        let final_bare = format!("c=biws,r={nonce}");
        let auth_message = format!("{},{server_first},{final_bare}", self.first_bare);
        let salted = self.hash.salt(self.password.expose(), &salt, iterations);
        let client_key = self.hash.hmac(&salted, b"Client Key");
        let signature = self.hash.hmac(&self.hash.digest(&client_key), auth_message.as_bytes());
        let proof: Vec<u8> = client_key.iter().zip(&signature).map(|(a, b)| a ^ b).collect();
        let message = Secret::new(format!("{final_bare},p={}", STANDARD.encode(proof)));
        let server_key = self.hash.hmac(&salted, b"Server Key");
        Ok((ServerProof { hash: self.hash, server_key, auth_message }, message))
    }
}

impl ServerProof {
    /// Checks the server's last message.
    pub(crate) fn verify(&self, server_final: &[u8]) -> Result<(), String> {
        let text = std::str::from_utf8(server_final).map_err(|_| "the server's last message is not text")?;
        if let Some(error) = text.strip_prefix("e=") {
            return Err(format!("the server answered {}", error.escape_default()));
        }
        let proof = text.strip_prefix("v=").and_then(|rest| rest.split(',').next()).ok_or("malformed server proof")?;
        let proof = STANDARD.decode(proof).map_err(|_| "malformed server proof")?;
        if self.hash.verify(&self.server_key, self.auth_message.as_bytes(), &proof) {
            return Ok(());
        }
        Err("the server could not prove that it knows the password".into())
    }
}

impl Hash {
    fn digest(self, data: &[u8]) -> Vec<u8> {
        match self {
            Self::Sha256 => Sha256::digest(data).to_vec(),
            Self::Sha512 => Sha512::digest(data).to_vec(),
        }
    }

    fn hmac(self, key: &[u8], data: &[u8]) -> Vec<u8> {
        match self {
            Self::Sha256 => sign::<Hmac<Sha256>>(key, data).map(|mac| mac.finalize().into_bytes().to_vec()),
            Self::Sha512 => sign::<Hmac<Sha512>>(key, data).map(|mac| mac.finalize().into_bytes().to_vec()),
        }
        .unwrap_or_default()
    }

    /// In constant time.
    fn verify(self, key: &[u8], data: &[u8], signature: &[u8]) -> bool {
        match self {
            Self::Sha256 => sign::<Hmac<Sha256>>(key, data).is_some_and(|mac| mac.verify_slice(signature).is_ok()),
            Self::Sha512 => sign::<Hmac<Sha512>>(key, data).is_some_and(|mac| mac.verify_slice(signature).is_ok()),
        }
    }

    fn salt(self, password: &str, salt: &[u8], iterations: u32) -> Vec<u8> {
        match self {
            Self::Sha256 => pbkdf2::pbkdf2_hmac_array::<Sha256, 32>(password.as_bytes(), salt, iterations).to_vec(),
            Self::Sha512 => pbkdf2::pbkdf2_hmac_array::<Sha512, 64>(password.as_bytes(), salt, iterations).to_vec(),
        }
    }
}

/// HMAC takes keys of any length: there is always one.
fn sign<M: Mac + hmac::digest::KeyInit>(key: &[u8], data: &[u8]) -> Option<M> {
    <M as Mac>::new_from_slice(key).ok().map(|mac| mac.chain_update(data))
}

#[cfg(test)]
mod tests {
    use super::{Hash, Scram};
    use crate::Secret;

    const FIRST: &[u8] = b"r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";

    fn begin() -> Scram {
        let (scram, first) = Scram::new(Hash::Sha256, "user", &Secret::new("pencil"), "rOprNGfwEbeRWgbNEkqO".into());
        assert_eq!(first.expose(), "n,,n=user,r=rOprNGfwEbeRWgbNEkqO");
        scram
    }

    #[test]
    fn rfc_7677_vector() {
        let (proof, last) = begin().answer(FIRST).expect("good challenge");
        assert_eq!(
            last.expose(),
            "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
        );
        assert_eq!(proof.verify(b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="), Ok(()));
        assert!(proof.verify(b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G5=").is_err());
        assert!(proof.verify(b"v=").is_err());
        assert!(proof.verify(b"e=other-error").is_err());
    }

    #[test]
    fn bad_challenges_are_refused() {
        for bad in [
            &b"r=other,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"[..],
            b"r=rOprNGfwEbeRWgbNEkqO,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
            b"r=rOprNGfwEbeRWgbNEkqOx,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=1",
            b"r=rOprNGfwEbeRWgbNEkqOx,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4000000000",
            b"m=x,r=rOprNGfwEbeRWgbNEkqOx,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
            b"",
            b"\xff",
        ] {
            assert!(begin().answer(bad).is_err());
        }
    }

    #[test]
    fn names_are_escaped() {
        let (_, first) = Scram::new(Hash::Sha512, "a=b,c", &Secret::new("x"), "n".into());
        assert_eq!(first.expose(), "n,,n=a=3Db=2Cc,r=n");
    }
}
