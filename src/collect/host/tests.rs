//! The real client against a host on loopback, and what it makes of names.

use std::sync::{Arc, Mutex};

use async_compression::tokio::bufread::GzipEncoder;
use axum::{
    Router,
    body::Body as Sent,
    http::{HeaderMap as Headers, header},
    response::Response as Answer,
    routing::get,
};
use tokio::io::AsyncReadExt as _;

use super::*;

const TABLE: &[u8] = b"ID,SKU,CONSUMPTION\n1,A,2\n2,B,3\n";

/// A host that answers every request alike, and keeps what was asked of it.
struct Served {
    url: DownloadUrl,
    asked: Arc<Mutex<Vec<Headers>>>,
}

/// `gives` is the body; with `chunked` its length is not said.
async fn serve(gives: Vec<u8>, encoding: &'static str, chunked: bool) -> Served {
    let asked = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&asked);
    let answer = move |headers: Headers| async move {
        log.lock().unwrap().push(headers);
        let body = if chunked {
            Sent::from_stream(futures::stream::iter(
                gives.chunks(7).map(|c| Ok::<_, io::Error>(c.to_vec())).collect::<Vec<_>>(),
            ))
        } else {
            Sent::from(gives)
        };
        Answer::builder()
            .header(header::CONTENT_ENCODING, encoding)
            .header(header::ETAG, "\"1\"")
            .header(header::DATE, "Sun, 06 Nov 1994 08:49:00 GMT")
            .header(header::RETRY_AFTER, "Sun, 06 Nov 1994 08:49:37 GMT")
            .body(body)
            .unwrap()
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/a.csv", listener.local_addr().unwrap());
    tokio::spawn(
        async move { axum::serve(listener, Router::new().route("/a.csv", get(answer))).await },
    );
    Served { url: url.parse().unwrap(), asked }
}

fn host() -> HttpHost {
    HttpHost::new(&ApiSettings {
        base_url: "http://127.0.0.1:1/v1".parse().unwrap(),
        ..ApiSettings::default()
    })
}

/// All that comes, and what is said of it before.
async fn fetch(served: &Served, resume: Option<&Resume>) -> Result<(Head, Vec<u8>), DownloadError> {
    let host = host();
    let (head, mut body) = host.open(&served.url, resume).await?;
    let mut all = Vec::new();
    while let Some(bytes) = host.next(&mut body).await? {
        assert!(bytes.len() <= PIECE);
        all.extend_from_slice(&bytes);
    }
    Ok((head, all))
}

async fn packed(bytes: &[u8]) -> Vec<u8> {
    let mut packed = Vec::new();
    GzipEncoder::new(bytes).read_to_end(&mut packed).await.unwrap();
    packed
}

#[tokio::test]
async fn what_is_packed_comes_whole_or_not_at_all() {
    let whole = packed(TABLE).await;
    let members = [packed(&TABLE[..19]).await, packed(&TABLE[19..]).await];
    let spoilt = |place: usize| {
        let mut spoilt = whole.clone();
        spoilt[place] ^= 0x55;
        spoilt
    };
    let end = whole.len();
    for (name, gives, is_whole) in [
        ("as it is", whole.clone(), true),
        ("of two members", members.concat(), true),
        ("cut in the second member", members.concat()[..members[0].len() + 12].to_vec(), false),
        ("cut in its head", whole[..5].to_vec(), false),
        ("cut in the middle", whole[..end / 2].to_vec(), false),
        ("without its check sum", whole[..end - 8].to_vec(), false),
        ("cut in its length", whole[..end - 2].to_vec(), false),
        ("of another check sum", spoilt(end - 6), false),
        ("of another length", spoilt(end - 1), false),
        ("of other bytes", spoilt(end / 2), false),
        ("not packed at all", TABLE.to_vec(), false),
        ("followed by something", [&whole, TABLE].concat(), false),
    ] {
        for (encoding, chunked) in [("gzip", false), ("gzip", true), ("X-GZIP", false)] {
            let served = serve(gives.clone(), encoding, chunked).await;
            match fetch(&served, None).await {
                Ok((head, all)) => {
                    assert!(is_whole, "{name}: taken as {all:?}");
                    assert_eq!(all, TABLE, "{name}");
                    assert_eq!((head.length, head.version), (None, None), "{name}");
                    assert_eq!(head.retry_after, Some(Duration::from_secs(37)), "{name}");
                }
                Err(DownloadError::Broken(why)) => {
                    assert!(!is_whole, "{name}: {why}");
                    assert!(why.contains("its gzip data is damaged: "), "{name}: {why}");
                }
                Err(other) => panic!("{name}: {other:?}"),
            }
            assert_eq!(served.asked.lock().unwrap()[0][ACCEPT_ENCODING], "gzip");
        }
    }
}

/// However little a megabyte of zeros is on the wire, a piece of it is in memory at a time.
#[tokio::test]
async fn what_was_packed_well_is_unpacked_in_pieces() {
    let zeros = vec![b'0'; 8 << 20];
    let served = serve(packed(&zeros).await, "gzip", false).await;
    assert_eq!(fetch(&served, None).await.unwrap().1, zeros);
}

#[tokio::test]
async fn what_was_not_asked_for_is_no_file() {
    let served = serve(TABLE.to_vec(), "br", false).await;
    let Err(DownloadError::Final(why)) = fetch(&served, None).await else { panic!("it was taken") };
    assert!(why.contains("packed as br"), "{why}");

    // The rest of a file is asked for as it is.
    let served = serve(TABLE.to_vec(), "identity", false).await;
    let resume = Resume { from: 5, version: "\"1\"".to_owned() };
    let (head, all) = fetch(&served, Some(&resume)).await.unwrap();
    assert_eq!((head.length, all.len()), (Some(TABLE.len() as u64), TABLE.len()));
    assert_eq!(head.version.as_deref(), Some("\"1\""));
    let asked = served.asked.lock().unwrap();
    assert_eq!(asked[0][ACCEPT_ENCODING], "identity");
    assert_eq!(
        (&asked[0][RANGE], &asked[0][IF_RANGE]),
        (&"bytes=5-".parse().unwrap(), &"\"1\"".parse().unwrap())
    );
}

/// A name is looked up by us, so that one that leads into a private network is asked nowhere.
#[tokio::test]
async fn a_name_with_a_private_address_is_refused() {
    let addresses = |texts: &[&str]| -> Vec<SocketAddr> {
        texts.iter().map(|text| SocketAddr::new(text.parse().unwrap(), 0)).collect()
    };
    for (found, expected) in [
        (&["8.8.8.8", "2606:4700::1111"][..], Some(2)),
        (&["8.8.8.8", "10.0.0.7"], Some(1)),
        (&["10.0.0.7"], None),
        (&["127.0.0.1", "::1"], None),
        (&["169.254.169.254"], None),
        (&["::ffff:192.168.1.1", "fd00::1"], None),
        (&[], Some(0)),
    ] {
        let allowed = guarded(AddressPolicy::Public, addresses(found));
        assert_eq!(allowed.ok().map(Iterator::count), expected, "{found:?}");
    }
    let here = guarded(AddressPolicy::Local, addresses(&["127.0.0.1", "10.0.0.7"]));
    assert_eq!(here.unwrap().count(), 1);

    // And the client that is not proxied asks this one.
    let localhost = || "localhost".parse::<Name>().unwrap();
    assert!(Guarded(AddressPolicy::Local).resolve(localhost()).await.is_ok());
    let refused = Guarded(AddressPolicy::Public).resolve(localhost()).await.err();
    assert!(refused.unwrap().is::<Refused>());
}

#[test]
fn a_part_says_where_it_begins_and_ends_and_of_how_much_it_is() {
    let part = |first, last, total| Some(ByteRange { first, last, total });
    for (text, found) in [
        ("bytes 5-9/10", part(5, 9, 10)),
        ("Bytes 0-0/1", part(0, 0, 1)),
        ("bytes 5-8/10", part(5, 8, 10)),
        ("bytes 5-9/*", None),
        ("bytes */10", None),
        ("bytes 5-/10", None),
        ("bytes 9-5/10", None),
        ("bytes 5-10/10", None),
        ("bytes +5-9/10", None),
        ("bytes 5-9/99999999999999999999", None),
        ("items 5-9/10", None),
        ("5-9/10", None),
        ("", None),
    ] {
        assert_eq!(range(text), found, "{text}");
    }
}

#[test]
fn a_rest_is_all_of_what_is_missing_in_the_same_version() {
    let resume = Resume { from: 5, version: "\"1\"".to_owned() };
    let head = |part: &str, length, version: Option<&str>| Head {
        part: range(part),
        length,
        version: version.map(str::to_owned),
        ..Head::default()
    };
    let tag = Some("\"1\"");
    assert!(head("bytes 5-9/10", Some(5), tag).continues(&resume));
    assert!(head("bytes 5-9/10", None, tag).continues(&resume));
    for (part, length, version) in [
        ("bytes 5-8/10", Some(4), tag),
        ("bytes 4-9/10", Some(6), tag),
        ("bytes 6-9/10", Some(4), tag),
        ("bytes 5-9/10", Some(4), tag),
        ("bytes 5-9/10", Some(6), tag),
        ("bytes 5-9/*", Some(5), tag),
        ("bytes 0-9/10", Some(10), tag),
        ("", Some(5), tag),
        ("bytes 5-9/10", Some(5), None),
        ("bytes 5-9/10", Some(5), Some("\"2\"")),
    ] {
        assert!(!head(part, length, version).continues(&resume), "{part}");
    }
}
