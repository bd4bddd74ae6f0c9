//! The MongoDB section: typed, refused word by word, and never with a connection string in it.

use super::{BASE, load, said, said_of};
use cutover_core::settings::{Home, MirrorKind, MongoField};
use expect_test::expect;

const OLD: (&str, &str) = ("OLD", "mongodb://agent:hunter2@old-0:27017,old-1:27017/?replicaSet=r0\n");
const NEW: (&str, &str) = ("NEW", "mongodb://new:27017/?replicaSet=r1");
/// The MongoDB move by itself.
const ALONE: &str = "\
migration: shop-prod
mongodb:
  source: { uri_env: OLD }
  destination: { uri_env: NEW }
  databases: [shop, crm]
  mirrors:
    all: { kind: mongomirror, url: ['http://m-0:8080', 'http://m-1:8080'], client: { address: 10.0.0.7 } }
";

#[test]
fn the_section_stands_alone_and_is_typed() {
    let second = "\
mongodb: { copy_rate: 1MB/s, left_behind: { shop.tmp: 'rebuilt' }, mirrors: { all: { lag: 2s, namespaces: 'shop.*' } } }
identity:
  destination: { mongodb: { app_name: '{service}-dst' } }
  readers: { mongodb: { app_name: 'crud-*' } }
  writers: { mongodb: { app_name: ['svc-*', 'rtu-*'], user: writer } }
  bystanders: { x: { mongodb: { address: '10.1.9.*' }, reason: monitoring } }
";
    let config = load(&[ALONE, second], &[OLD, NEW]).unwrap();
    assert!(config.warnings.is_empty(), "{:?}", config.warnings);
    assert!(config.kafka.is_none() && config.settings.kafka.is_none());
    let s = config.settings.mongodb.as_ref().unwrap();
    assert_eq!(s.databases.len(), 2);
    assert_eq!((s.copy_rate, s.index_rate), (1_000_000, 10_000_000));
    assert_eq!(s.left_behind.len(), 1);
    let mirror = &s.mirrors["all"];
    assert_eq!((mirror.kind, mirror.namespaces.len(), mirror.client.len()), (MirrorKind::Mongomirror, 1, 1));
    assert!(matches!(&s.homes[..], [(Home::Destination, r)] if r.field == MongoField::AppName));
    assert_eq!((s.readers.len(), s.writers.len(), s.bystanders.len()), (1, 3, 1));
    let targets = config.mongodb.as_ref().unwrap();
    assert_eq!(targets.mirrors["all"].urls.len(), 2);
    assert_eq!(targets.source.user, Some(("agent".into(), "admin".into())));
    assert_eq!(targets.destination.user, None);
    assert!(targets.source.uri.expose().ends_with("replicaSet=r0"), "blanks around it do not count");
    let printed = format!("{config:?}{}", config.explain());
    assert!(!printed.contains("hunter2"), "{printed}");
}

#[test]
fn the_section_is_checked() {
    expect![[r#"
        the configuration has 10 errors:
          2.yaml:2:23: mongodb.source.uri_file: the file (its path is not absolute and could be the secret itself: it is not shown) cannot be read: No such file or directory (os error 2)
          2.yaml:3:16: mongodb.destination: has a key that does not belong there; expected `uri_file` or `uri_env`
          2.yaml:4:15: mongodb.databases[0]: came `admin`, which is no user database
          2.yaml:5:14: mongodb.copy_rate: came `20`; write a whole number with its unit, as in 20MB/s
          2.yaml:6:17: mongodb.offset_field: came `a..b`, which is no path of a field
          2.yaml:7:24: mongodb.left_behind.shop: is no namespace: write database and collection, as in shop.tmp
          2.yaml:8:25: mongodb.mirrors.a.kind: came `mongomirorr`; expected `mongomirror`, `mongosync`, `clustersync` or `external`; did you mean `mongomirror`?
          2.yaml:8:66: mongodb.mirrors.b.url: an `external` mirror has no status port: its markers are watched
          2.yaml:8:66: mongodb.mirrors.b.url: is no usable URL: leave user and password out: this file is no place for secrets
          2.yaml:8:141: mongodb.mirrors.c.client: recognises nobody: give at least one of address, app_name, user
    "#]].assert_eq(&said(
        "\
mongodb:
  source: { uri_file: hunter2hunter2hunter2 }
  destination: { uri: 'mongodb://root:hunter2@db/' }
  databases: [admin]
  copy_rate: 20
  offset_field: a..b
  left_behind: { shop: 'rebuilt' }
  mirrors: { a: { kind: mongomirorr }, b: { kind: external, url: 'http://u:hunter2@h' }, c: { kind: mongomirror, url: ['http://h'], client: {} } }
",
    ));
}

#[test]
fn connection_strings_are_never_quoted() {
    for uri in [
        "hunter2",
        "mongodb://a:hunter2",
        "mongodb://a:hunter2/x@db/",
        "mongodb://a:hunter2@db:99999/",
        "mongodb://a:hunter2@db/?hunter2=x",
        "mongodb://a:hunter2@db/?tls=hunter2",
        "mongodb://a:hunter2@db/ mongodb://b",
        "mongodb://a:%hunter2@db/",
        "mongodb+srv://a:hunter2@db,db2/",
        "http://a:hunter2@db/",
    ] {
        let said = said_of(&[ALONE], &[("OLD", uri), NEW]);
        assert!(said.contains("mongodb.source: is no connection string that the driver can read"), "{uri}: {said}");
        assert!(!said.contains("hunter2"), "{said}");
    }
}

#[test]
fn what_an_application_says_of_its_own_reads_and_writes_is_left_out() {
    let uri = "mongodb://a:b@old/?compressors=zstd,snappy&replicaSet=r0&retryWrites=true&w=majority&readPreference=\
               secondary&maxStalenessSeconds=120&uuidRepresentation=standard&authSource=users&appName=svc";
    let config = load(&[ALONE], &[("OLD", uri), NEW]).unwrap();
    let source = config.mongodb.unwrap().source;
    assert_eq!(source.uri.expose(), "mongodb://a:b@old/?replicaSet=r0&authSource=users");
    assert_eq!(source.user, Some(("a".into(), "users".into())));
    let config = load(&[ALONE], &[("OLD", "mongodb://old/?w=1"), NEW]).unwrap();
    assert_eq!(config.mongodb.unwrap().source.uri.expose(), "mongodb://old/");
}

#[test]
fn source_and_destination_are_two_deployments() {
    expect![[r#"
        the configuration has an error:
          1.yaml:4:16: mongodb.destination: source and destination both name old-1:27017: they must not be the same deployment, or equal data proves nothing
    "#]].assert_eq(&said_of(&[ALONE], &[OLD, ("NEW", "mongodb://x:1,OLD-1:27017/")]));
}

#[test]
fn what_is_not_read_or_has_no_effect_is_a_warning() {
    let second = "\
mongodb:
  left_behind: { other.tmp: 'not ours' }
  may_have: { 'shop.*': 'fixtures' }
  mirrors: { all: { kind: mongosync }, b: { kind: external, marker: shop.markers }, c: { kind: mongomirror, url: 'http://h' } }
";
    expect![[r#"
        warning: 2.yaml:2:29: mongodb.left_behind."other.tmp": is in none of `mongodb.databases` and has no effect
        warning: 2.yaml:3:25: mongodb.may_have."shop.*": is taken as an exact name: patterns are not expanded here
        warning: 2.yaml:4:27: mongodb.mirrors.all.kind: a mirror of kind `mongosync` is not read by this version: its checks answer unknown
        warning: 2.yaml:4:51: mongodb.mirrors.b.kind: a mirror of kind `external` is not read by this version: its checks answer unknown
        warning: 2.yaml:4:88: mongodb.mirrors.c.client: is missing: without an address or app_name its end cannot be seen, and `finished` stays unknown
    "#]].assert_eq(&said_of(&[ALONE, second], &[OLD, NEW]));
    let config = load(&[BASE, ALONE], &[OLD, NEW]).unwrap();
    assert_eq!(config.settings.tracks.len(), 2);
}
