use super::{ClientConfig, Pem, PropertyError, SaslMechanism, Verify};

fn errors(text: &str) -> Vec<String> {
    let errors: Vec<PropertyError> = ClientConfig::from_properties(text).expect_err("refused");
    errors.iter().map(ToString::to_string).collect()
}

#[test]
fn java_style() {
    let config = ClientConfig::from_properties(
        "# a comment\n! another\nbootstrap.servers = a:9092, \\\n    [::1]:9093\nsecurity.protocol: SASL_SSL\nsasl.mechanism SCRAM-SHA-512\n\
         sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required \\\n  username=\"al\\\\\"ice\" password='s=c;r\\u0065t';\n\
         ssl.truststore.type=PEM\nssl.truststore.location=/ca.pem\nssl.endpoint.identification.algorithm=\ngroup.id=x\nacks=all\n\
         value.deserializer=x\nclient.id=me\n",
    )
    .expect("good");
    let servers: Vec<String> = config.bootstrap.iter().map(ToString::to_string).collect();
    assert_eq!(servers, ["a:9092", "[::1]:9093"]);
    let sasl = config.sasl.as_ref().expect("sasl");
    assert_eq!(
        (sasl.mechanism, &*sasl.username, sasl.password.expose()),
        (SaslMechanism::ScramSha512, "al\"ice", "s=c;ret")
    );
    let tls = config.tls.as_ref().expect("tls");
    assert_eq!(tls.verify, Verify::ChainOnly);
    assert!(matches!(&tls.roots, Some(Pem::File(path)) if path.as_os_str() == "/ca.pem"));
    assert!(!format!("{config:?}").contains("s=c"));
    let set = config.to_librdkafka();
    for (key, value) in [
        ("bootstrap.servers", "a:9092,[::1]:9093"),
        ("security.protocol", "SASL_SSL"),
        ("sasl.password", "s=c;ret"),
        ("ssl.ca.location", "/ca.pem"),
        ("ssl.endpoint.identification.algorithm", "none"),
    ] {
        assert!(set.contains(&(key.into(), value.into())), "{key}");
    }
}

#[test]
fn librdkafka_style() {
    let config = ClientConfig::from_properties(
        "metadata.broker.list=a\nsecurity.protocol=sasl_ssl\nsasl.mechanisms=PLAIN\nsasl.username=u\nsasl.password=p\n\
         ssl.ca.pem=CA\nssl.certificate.location=/c.pem\nssl.key.location=/k.pem\nenable.ssl.certificate.verification=false\n",
    )
    .expect("good");
    assert_eq!(config.bootstrap[0].port, 9092);
    let again: String = config.to_librdkafka().iter().map(|(key, value)| format!("{key}={value}\n")).collect();
    let again = ClientConfig::from_properties(&again).expect("what it writes it reads");
    assert_eq!(format!("{config:?}"), format!("{again:?}"));
}

#[test]
fn all_errors_at_once_and_no_secret() {
    let told = errors(
        "boostrap.servers=a:1\nsecurity.protocol=SASL_SSL\nsasl.mechanism=GSSAPI\nssl.truststore.location=/x.jks\n\
         ssl.truststore.password=hunter2\nssl.keystore.type=PKCS12\nssl.key.password=hunter2\nsasl.username=hunter2\n\
         ssl.cipher.suites=hunter2\nMIIEhunter2+/==\nsasl.kerberos.service.name=hunter2\n",
    );
    let all = told.join("\n");
    assert!(!all.contains("hunter2"), "{all}");
    for part in [
        "did you mean bootstrap.servers?",
        "sasl.mechanism cannot be honoured",
        "ssl.truststore.location cannot be honoured",
        "ssl.keystore.type cannot be honoured",
        "ssl.key.password cannot be honoured",
        "ssl.cipher.suites cannot be honoured",
        "sasl.kerberos.service.name cannot be honoured",
        "bootstrap.servers is missing",
        "does not look like a setting",
        "sasl.jaas.config is missing",
    ] {
        assert!(all.contains(part), "{part} not in\n{all}");
    }
}

#[test]
fn bad_values() {
    assert_eq!(
        errors("bootstrap.servers=a:b"),
        ["line 1: bootstrap.servers: each server is written host:port, separated by commas"]
    );
    assert!(errors("bootstrap.servers=a:1\nsecurity.protocol=SSL2")[0].contains("is one of"));
    let jaas = "bootstrap.servers=a:1\nsecurity.protocol=SASL_SSL\nsasl.mechanism=PLAIN\nsasl.jaas.config=";
    for bad in [
        "x.ScramLoginModule required username=\"u\" password=\"hunter2\";",
        "x.PlainLoginModule required username=\"u\" password=\"hunter2\"",
        "x.PlainLoginModule username=\"u\" password=\"hunter2\";",
        "x.PlainLoginModule required username=\"u\" password=\"hunter2;",
        "x.Krb5LoginModule required;",
        "x.PlainLoginModule required hunter2;",
        "x.PlainLoginModule required username=u;",
    ] {
        let told = errors(&format!("{jaas}{bad}")).join("\n");
        assert!(told.contains("sasl.jaas.config") && !told.contains("hunter2"), "{told}");
    }
    let cert = "bootstrap.servers=a:1\nsecurity.protocol=SSL\nssl.certificate.location=/c";
    assert!(errors(cert)[0].contains("without its key"));
    assert!(errors("bootstrap.servers=a:1\nx.y=\\u12")[0].contains("hexadecimal"));
    assert!(errors("bootstrap.servers=a:1\nmetadata.broker.list=b:1")[0].contains("contradicts"));
}
