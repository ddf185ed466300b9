//! A server that says byte for byte what a test wants, and otherwise makes reports as the API does.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
};

use serde_json::{Value, json};

/// A request as it came in.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) method: String,
    /// Path and query.
    pub(crate) target: String,
    /// Its lines as they are.
    pub(crate) headers: String,
    pub(crate) body: String,
    /// How many requests for the same path came before.
    pub(crate) before: usize,
}

impl Asked {
    pub(crate) fn path(&self) -> &str {
        self.target.split('?').next().unwrap()
    }

    pub(crate) fn is_file(&self) -> bool {
        self.target.starts_with("/files/")
    }

    /// A single read of a report.
    pub(crate) fn is_read(&self) -> bool {
        self.method == "GET" && self.path().starts_with("/v1/wholesale/billing/reports/")
    }

    pub(crate) fn is_create(&self) -> bool {
        self.method == "POST" && self.path().ends_with("/reports")
    }

    /// The value of a header; empty where it is missing.
    pub(crate) fn header(&self, name: &str) -> &str {
        let pairs = self.headers.lines().filter_map(|line| line.split_once(": "));
        let mut values = pairs.filter(|(found, _)| found.eq_ignore_ascii_case(name));
        values.next().map_or("", |(_, value)| value)
    }
}

/// What leaves, and nothing else; the connection is closed behind it.
#[derive(Debug, Clone)]
pub(crate) struct Reply(pub(crate) Vec<u8>);

impl Reply {
    /// `headers` are lines without an end; `Content-Length` is theirs to give.
    pub(crate) fn with(status: u16, headers: &[&str], body: impl AsRef<[u8]>) -> Self {
        let mut bytes = format!("HTTP/1.1 {status} X\r\nconnection: close\r\n").into_bytes();
        for header in headers {
            bytes.extend_from_slice(header.as_bytes());
            bytes.extend_from_slice(b"\r\n");
        }
        bytes.extend_from_slice(b"\r\n");
        bytes.extend_from_slice(body.as_ref());
        Reply(bytes)
    }

    pub(crate) fn json(status: u16, body: &Value) -> Self {
        let body = body.to_string();
        let length = format!("content-length: {}", body.len());
        Reply::with(status, &[&length, "content-type: application/json"], body)
    }
}

/// What goes another way than with the API; `None` leaves it to the server. The address is the server's own, without a
/// path.
type Answers = dyn Fn(&Asked, &str) -> Option<Reply> + Send + Sync;

/// Serves until the process ends.
pub(crate) struct Canned {
    /// The base URL of its API.
    pub(crate) url: String,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Canned {
    pub(crate) fn new(
        answers: impl Fn(&Asked, &str) -> Option<Reply> + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let canned = Canned { url: format!("{address}/v1"), asked: Arc::default() };
        let asked = Arc::clone(&canned.asked);
        let answers: Arc<Answers> = Arc::new(answers);
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (asked, answers) = (Arc::clone(&asked), Arc::clone(&answers));
                let address = address.clone();
                thread::spawn(move || serve(stream, &asked, &*answers, &address));
            }
        });
        canned
    }

    /// Every request so far, in order.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }
}

fn serve(mut stream: TcpStream, all: &Mutex<Vec<Asked>>, answers: &Answers, address: &str) {
    let Some(mut asked) = read(&stream) else {
        return;
    };
    {
        let mut all = all.lock().unwrap();
        let same = all.iter().filter(|earlier| earlier.path() == asked.path());
        asked.before = same.count();
        all.push(asked.clone());
    }
    let reply = answers(&asked, address).unwrap_or_else(|| as_the_api(&asked, address));
    // A client that has heard enough may close.
    let _ = stream.write_all(&reply.0);
}

fn read(stream: &TcpStream) -> Option<Asked> {
    let mut reader = BufReader::new(stream);
    let mut first = String::new();
    reader.read_line(&mut first).ok().filter(|read| *read > 0)?;
    let (mut headers, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        if line.trim().is_empty() {
            break;
        }
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse().ok()?;
        }
        headers.push_str(&line);
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let mut words = first.split(' ').map(str::to_owned);
    Some(Asked {
        method: words.next()?,
        target: words.next()?,
        headers,
        body: String::from_utf8(body).ok()?,
        before: 0,
    })
}

/// Reports are named after what they are of, and are complete at once; lists show none.
fn as_the_api(asked: &Asked, address: &str) -> Reply {
    if asked.is_create() {
        let body: Value = serde_json::from_str(&asked.body).unwrap();
        let org = body["subPartnerOrgId"].as_str().unwrap_or("own");
        let kind = body["type"].as_str().unwrap();
        return Reply::json(200, &json!({ "id": format!("report-{kind}-{org}") }));
    }
    if asked.is_file() {
        let csv = "A,B\n1,2\n";
        return Reply::with(200, &[&format!("content-length: {}", csv.len())], csv);
    }
    if asked.is_read() {
        return Reply::json(200, &report(asked, address));
    }
    Reply::json(200, &json!({ "items": [] }))
}

/// A complete report, as a single read shows it.
pub(crate) fn report(asked: &Asked, address: &str) -> Value {
    let id = asked.path().rsplit('/').next().unwrap();
    json!({
        "id": id,
        "status": "COMPLETED",
        "tempDownloadURL": format!("{address}/files/{id}.csv?Expires=4000000000&Signature=s3cr3tsig&Key-Pair-Id=K"),
    })
}
