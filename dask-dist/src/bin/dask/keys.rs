//! `dask keys`.

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::process::ExitCode;
use std::time::{Duration, SystemTime};

use dask_dist::log;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};

use crate::Outcome;
use crate::options::KeysArgs;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Nothing that is there already is written over: a cluster may be using it.
pub(crate) fn run(args: &KeysArgs) -> Outcome {
    let folder = &args.folder;
    std::fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let write = |name: &str, mode: u32, text: &str| -> Result<(), String> {
        let path = folder.join(name);
        let failed = |error: std::io::Error| match error.kind() {
            std::io::ErrorKind::AlreadyExists => {
                format!("{} is there already: choose another folder, or remove it", path.display())
            }
            _ => format!("{}: {error}", path.display()),
        };
        let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(&path).map_err(failed)?;
        file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(failed)
    };
    let (authority, certificate) = (KeyPair::generate()?, KeyPair::generate()?);
    let mut params = about("dask cluster authority", args.days)?;
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let ca = params.self_signed(&authority)?;
    let issuer = Issuer::from_params(&params, &authority);
    let mut member = about("dask cluster member", args.days)?;
    member.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    // Workers listen, and connect.
    member.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
    let signed = member.signed_by(&certificate, &issuer)?;
    write("token", 0o600, &random()?)?;
    write("dashboard-token", 0o600, &random()?)?;
    write("ca.pem", 0o644, &ca.pem())?;
    write("ca-key.pem", 0o600, &authority.serialize_pem())?;
    write("cert.pem", 0o644, &signed.pem())?;
    write("key.pem", 0o600, &certificate.serialize_pem())?;
    let folder = folder.display();
    log::say("keys", format_args!("written to {folder}: give every process of the cluster"));
    log::say("keys", format_args!("  --token-file {folder}/token, or, encrypted,"));
    log::say(
        "keys",
        format_args!("  --tls-ca-file {folder}/ca.pem --tls-cert {folder}/cert.pem --tls-key {folder}/key.pem"),
    );
    log::say("keys", format_args!("ca-key.pem signs more certificates: keep it elsewhere"));
    Ok(ExitCode::SUCCESS)
}

/// A subject, and a time: from an hour ago, since clocks differ.
fn about(name: &str, days: u32) -> Result<CertificateParams, rcgen::Error> {
    let mut params = CertificateParams::new(vec!["dask".to_owned()])?;
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    let now = SystemTime::now();
    params.not_before = (now - DAY / 24).into();
    params.not_after = (now + DAY * days).into();
    Ok(params)
}

/// 256 bits, as text.
fn random() -> Result<String, Box<dyn std::error::Error>> {
    let mut bytes = [0_u8; 32];
    getrandom::fill(&mut bytes)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>() + "\n")
}
