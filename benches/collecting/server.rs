//! A server on loopback: the API with reports that are ready at once, and the host of their files, which is one and
//! the same file for all. It sends that as fast as the system can.

use std::{
    collections::HashMap,
    fs::File,
    io::{self, BufRead as _, BufReader, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    path::PathBuf,
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};

use serde_json::{Value, json};

pub(crate) struct Server {
    /// What it gives for every report.
    pub(crate) file: PathBuf,
    /// Before it answers a request for a file.
    pub(crate) latency: Duration,
    pub(crate) reports: Mutex<HashMap<String, Value>>,
}

const REPORTS: &str = "/v1/wholesale/billing/reports";

/// Serves for as long as this process lives. Gives the address, without a path.
pub(crate) fn serve(file: PathBuf, latency: Duration) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let server = Arc::new(Server { file, latency, reports: Mutex::default() });
    thread::spawn(move || {
        for stream in listener.incoming() {
            let server = Arc::clone(&server);
            thread::spawn(move || server.talk(stream.unwrap()));
        }
    });
    url
}

impl Server {
    /// One connection, until the client leaves.
    fn talk(&self, mut stream: TcpStream) -> io::Result<()> {
        stream.set_nodelay(true)?;
        let mut lines = BufReader::new(stream.try_clone()?);
        loop {
            let mut first = String::new();
            if lines.read_line(&mut first)? == 0 {
                return Ok(());
            }
            let (mut length, mut host) = (0, String::new());
            loop {
                let mut line = String::new();
                lines.read_line(&mut line)?;
                let Some((name, value)) = line.trim_end().split_once(": ") else {
                    break;
                };
                match name.to_ascii_lowercase().as_str() {
                    "content-length" => length = value.parse().unwrap(),
                    "host" => value.clone_into(&mut host),
                    _ => {}
                }
            }
            let mut body = vec![0; length];
            lines.read_exact(&mut body)?;
            let mut words = first.split(' ');
            let (method, target) = (words.next().unwrap(), words.next().unwrap());
            let path = target.split('?').next().unwrap();
            match (method, path.strip_prefix(REPORTS)) {
                ("POST", Some(_)) => answer(&mut stream, "200 OK", &self.create(&body))?,
                (_, Some("")) => answer(&mut stream, "200 OK", &self.list(target))?,
                (_, Some(id)) => match self.report(&id[1..], &host) {
                    Some(report) => answer(&mut stream, "200 OK", &report)?,
                    None => answer(&mut stream, "404 Not Found", &json!({ "message": id }))?,
                },
                _ => self.send_file(&mut stream)?,
            }
        }
    }

    fn create(&self, body: &[u8]) -> Value {
        let mut report: Value = serde_json::from_slice(body).unwrap();
        let mut reports = self.reports.lock().unwrap();
        let id = format!("report{}", reports.len());
        report["id"] = json!(id);
        report["status"] = json!("COMPLETED");
        reports.insert(id, report.clone());
        report
    }

    fn list(&self, target: &str) -> Value {
        if target.contains("status=IN_PROGRESS") {
            return json!({ "items": [] });
        }
        let reports = self.reports.lock().unwrap();
        json!({ "items": reports.values().collect::<Vec<_>>() })
    }

    fn report(&self, id: &str, host: &str) -> Option<Value> {
        let mut report = self.reports.lock().unwrap().get(id)?.clone();
        report["tempDownloadURL"] = json!(format!("http://{host}/{id}.csv?Signature=s"));
        Some(report)
    }

    fn send_file(&self, stream: &mut TcpStream) -> io::Result<()> {
        thread::sleep(self.latency);
        let mut file = File::open(&self.file)?;
        let length = file.metadata()?.len();
        write!(
            stream,
            "HTTP/1.1 200 OK\r\nContent-Type: text/csv\r\nContent-Length: {length}\r\n\r\n"
        )?;
        io::copy(&mut file, stream).map(drop) // within the kernel, where it can
    }
}

fn answer(stream: &mut TcpStream, status: &str, body: &Value) -> io::Result<()> {
    let body = body.to_string();
    write!(
        stream,
        "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}
