//! Tests of the Hugging Face hub against a local server that answers as the hub does: pages of the list, redirects to
//! large-file storage, ranges, and everything that goes wrong.

use std::collections::HashMap;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex};

use sha2::{Digest, Sha256};
use tempfile::TempDir;
use totc::data::hub::{Address, Hub};

/// What the server sends for a request.
#[derive(Clone)]
struct Answer {
    status: &'static str,
    headers: Vec<String>,
    body: Vec<u8>,
    /// Bytes of the body after which the connection ends.
    cut: Option<usize>,
}

fn ok(body: impl AsRef<[u8]>) -> Answer {
    Answer { status: "200 OK", headers: Vec::new(), body: body.as_ref().to_vec(), cut: None }
}

/// Requests so far: path and range.
type Requests = Mutex<Vec<(String, Option<String>)>>;

/// A server that answers each path by a list of answers, the last of which stays.
struct Server {
    endpoint: String,
    log: Arc<Requests>,
}

impl Server {
    fn start(answers: HashMap<String, Vec<Answer>>) -> Server {
        Server::start_with(|_| answers)
    }

    fn start_with(answers: impl FnOnce(&str) -> HashMap<String, Vec<Answer>>) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let endpoint = format!("http://{}", listener.local_addr().expect("an address"));
        let answers = answers(&endpoint);
        let log = Arc::new(Mutex::new(Vec::new()));
        let seen = log.clone();
        std::thread::spawn(move || {
            let mut answers = answers;
            for stream in listener.incoming().flatten() {
                let _ = answer(stream, &mut answers, &seen);
            }
        });
        Server { endpoint, log }
    }

    fn requests(&self) -> Vec<(String, Option<String>)> {
        self.log.lock().expect("a log").clone()
    }
}

fn answer(
    stream: TcpStream,
    answers: &mut HashMap<String, Vec<Answer>>,
    log: &Requests,
) -> std::io::Result<()> {
    let mut lines = BufReader::new(stream.try_clone()?).lines();
    let first = lines.next().transpose()?.unwrap_or_default();
    let path = first.split(' ').nth(1).unwrap_or_default().to_owned();
    let mut range = None;
    for line in lines {
        let line = line?;
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("range: bytes=") {
            range = Some(value.to_owned());
        }
        if line.is_empty() {
            break;
        }
    }
    log.lock().expect("a log").push((path.clone(), range.clone()));
    let mut reply = match answers.get_mut(&path) {
        Some(several) if several.len() > 1 => several.remove(0),
        Some(several) => several[0].clone(),
        None => Answer { status: "404 Not Found", ..ok("not here") },
    };
    if let (Some(from), "200 OK") =
        (range.and_then(|range| range.trim_end_matches('-').parse::<usize>().ok()), reply.status)
    {
        reply.status = "206 Partial Content";
        reply.body.drain(..from);
    }
    let mut stream = stream;
    write!(
        stream,
        "HTTP/1.1 {}\r\nContent-Length: {}\r\nConnection: close\r\n",
        reply.status,
        reply.body.len()
    )?;
    for header in &reply.headers {
        write!(stream, "{header}\r\n")?;
    }
    stream.write_all(b"\r\n")?;
    stream.write_all(&reply.body[..reply.cut.unwrap_or(reply.body.len())])
}

const CSV: &[u8] = b"source,question,answer,rating\nus,1...3.12.1.34..1,1234341221434321,2\n";
const CARD: &[u8] = b"---\nlicense: mit\n---\n";

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// `git hash-object` of `CARD`.
const CARD_BLOB: &str = "32897cd3e640101ba184f8c4ccd896981de3804a";

const TREE: &str = "/api/datasets/us/puzzles/tree/main?recursive=true";
const FILE: &str = "/datasets/us/puzzles/resolve/main/a%20folder/train.csv";
const STORED: &str = "/storage/2?signature=x";

fn list(sum: &str) -> String {
    format!(
        r#"[{{"type":"directory","oid":"1","size":0,"path":"a folder"}},
            {{"type":"file","oid":"2","size":130,"path":"a folder/train.csv",
              "lfs":{{"oid":"{sum}","size":{},"pointerSize":130}}}}]"#,
        CSV.len()
    )
}

/// A repository of two files, listed on two pages, one of them in large-file storage behind a redirect.
fn server(file: Vec<Answer>) -> Server {
    let card = format!(r#"[{{"type":"file","oid":"{CARD_BLOB}","size":{},"path":"README.md"}}]"#, CARD.len());
    let link = |endpoint: &str| format!("Link: <{endpoint}{TREE}&cursor=2>; rel=\"next\"");
    let moved = |endpoint: &str| format!("Location: {endpoint}/storage/2?signature=x");
    Server::start_with(|endpoint| {
        HashMap::from([
            (
                TREE.to_owned(),
                vec![Answer { headers: vec![link(endpoint)], ..ok(list(&hex(&Sha256::digest(CSV)))) }],
            ),
            (format!("{TREE}&cursor=2"), vec![ok(card)]),
            (FILE.to_owned(), vec![Answer { status: "302 Found", headers: vec![moved(endpoint)], ..ok("") }]),
            (STORED.to_owned(), file),
            ("/datasets/us/puzzles/resolve/main/README.md".to_owned(), vec![ok(CARD)]),
        ])
    })
}

fn address() -> Address {
    "hf://datasets/us/puzzles/a folder/train.csv".parse().expect("an address")
}

fn error<T>(result: Result<T, totc::data::DataError>) -> String {
    result.map(|_| ()).expect_err("an error").to_string()
}

#[test]
fn a_file_is_fetched_once_and_then_taken_from_the_cache() {
    let cache = TempDir::new().expect("a folder");
    let server = server(vec![ok(CSV)]);
    let hub = Hub::at(&server.endpoint, cache.path());
    let mut told = Vec::new();
    let file = hub.file(&address(), &mut |done, all| told.push((done, all))).expect("a file");
    assert_eq!(fs::read(&file).expect("a file"), CSV);
    assert_eq!(told.last(), Some(&(CSV.len() as u64, CSV.len() as u64)));
    assert!(file.starts_with(cache.path()) && file.ends_with("us/puzzles/main/a folder/train.csv"));
    let asked = server.requests().len();
    hub.file(&address(), &mut |_, _| ()).expect("a file");
    hub.clone().offline().file(&address(), &mut |_, _| ()).expect("a file");
    assert_eq!(server.requests().len(), asked, "the cache needs no network");
    let listed = hub.offline().files(&address()).expect("a list");
    assert_eq!(listed.len(), 2);
}

#[test]
fn small_files_are_checked_by_their_git_blob() {
    let cache = TempDir::new().expect("a folder");
    let server = server(vec![ok(CSV)]);
    let hub = Hub::at(&server.endpoint, cache.path());
    let card = Address { path: "README.md".to_owned(), ..address() };
    assert_eq!(fs::read(hub.file(&card, &mut |_, _| ()).expect("a file")).expect("a file"), CARD);
}

#[test]
fn an_interrupted_file_is_gone_on_with() {
    let cache = TempDir::new().expect("a folder");
    let server = server(vec![Answer { cut: Some(30), ..ok(CSV) }, ok(CSV)]);
    let hub = Hub::at(&server.endpoint, cache.path());
    let broken = error(hub.file(&address(), &mut |_, _| ()));
    assert!(broken.contains("run it again: it goes on from there"), "{broken}");
    let file = hub.file(&address(), &mut |_, _| ()).expect("a file");
    assert_eq!(fs::read(file).expect("a file"), CSV);
    let ranges: Vec<_> = server.requests().into_iter().filter(|(path, _)| path == STORED).collect();
    assert_eq!(ranges[1].1.as_deref(), Some("30-"));
}

#[test]
fn a_changed_file_is_not_kept() {
    let cache = TempDir::new().expect("a folder");
    let mut wrong = CSV.to_vec();
    wrong[40] ^= 1;
    let server = server(vec![ok(wrong), ok(CSV)]);
    let hub = Hub::at(&server.endpoint, cache.path());
    let refused = error(hub.file(&address(), &mut |_, _| ()));
    assert!(refused.contains("another checksum than the hub lists"), "{refused}");
    let file = hub.file(&address(), &mut |_, _| ()).expect("a file");
    // A file that was damaged in the cache is fetched anew when asked for.
    fs::write(&file, b"damaged").expect("a file");
    let entries = hub.files(&address()).expect("a list");
    let entry = entries.iter().find(|entry| entry.path == address().path).expect("an entry");
    hub.refresh(&address(), entry, &mut |_, _| ()).expect("a file");
    assert_eq!(fs::read(file).expect("a file"), CSV);
}

#[test]
fn what_is_wrong_is_said() {
    let cache = TempDir::new().expect("a folder");
    let none = |_: u64, _: u64| ();
    let closed = { TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address") };
    let unreachable =
        error(Hub::at(&format!("http://{closed}"), cache.path()).file(&address(), &mut { none }));
    assert!(
        unreachable.contains("cannot be reached") && unreachable.contains("check the network"),
        "{unreachable}"
    );
    let offline =
        error(Hub::at("http://127.0.0.1:9", cache.path()).offline().file(&address(), &mut { none }));
    assert!(offline.contains("it is not in the cache") && offline.contains("HF_HUB_OFFLINE"), "{offline}");
    for (status, part) in [
        ("401 Unauthorized", "set HF_TOKEN"),
        ("404 Not Found", "there is no such data set or revision"),
        ("429 Too Many Requests", "wait a minute"),
        ("503 Service Unavailable", "try again later"),
    ] {
        let server = Server::start(HashMap::from([(TREE.to_owned(), vec![Answer { status, ..ok("") }])]));
        let said = error(Hub::at(&server.endpoint, cache.path()).file(&address(), &mut { none }));
        assert!(
            said.starts_with("hf://datasets/us/puzzles/a folder/train.csv: ") && said.contains(part),
            "{said}"
        );
    }
    let server = Server::start(HashMap::from([(TREE.to_owned(), vec![ok("<html>a proxy</html>")])]));
    let said = error(Hub::at(&server.endpoint, cache.path()).file(&address(), &mut { none }));
    assert!(said.contains("is no list of files"), "{said}");
    let server = self::server(vec![ok(CSV)]);
    let misspelt = Address { path: "a folder/trian.csv".to_owned(), ..address() };
    let said = error(Hub::at(&server.endpoint, cache.path()).file(&misspelt, &mut { none }));
    assert!(said.contains("did you mean `a folder/train.csv`?"), "{said}");
    let evil = r#"[{"type":"file","oid":"2","size":1,"path":"../../up"}]"#;
    let server = Server::start(HashMap::from([(TREE.to_owned(), vec![ok(evil)])]));
    let said = error(Hub::at(&server.endpoint, cache.path()).files(&address()));
    assert!(said.contains("outside its own folder"), "{said}");
}

#[test]
fn addresses_are_read() {
    let address: Address = "sapientinc/sudoku-extreme".parse().expect("an address");
    assert_eq!(address.to_string(), "hf://datasets/sapientinc/sudoku-extreme");
    let address: Address = "hf://datasets/us/x@v1.0/b/c.csv".parse().expect("an address");
    assert_eq!((address.revision.as_str(), address.path.as_str()), ("v1.0", "b/c.csv"));
    for bad in ["alone", "us/", "us/x/../y", "http://us/x", "../x/y", "us/x@/y"] {
        assert!(bad.parse::<Address>().is_err(), "{bad}");
    }
}

/// A run file may name a file of the hub; the environment of this test process is left alone, so only a path is tried.
#[test]
fn a_path_stays_a_path() {
    let found = totc::data::hub::locate(Path::new("/base"), Path::new("x/train.csv")).expect("a path");
    assert_eq!(found, Path::new("/base/x/train.csv"));
}

/// The next page of the list lies at another host, which would see the token of whoever asks.
#[test]
fn the_list_goes_on_at_no_other_host() {
    let other = Server::start(HashMap::new());
    let link = format!("Link: <{}/api/next>; rel=\"next\"", other.endpoint);
    let first = Answer { headers: vec![link], ..ok("[]") };
    let server = Server::start(HashMap::from([(TREE.to_owned(), vec![first])]));
    let cache = TempDir::new().expect("a folder");
    let told = error(Hub::at(&server.endpoint, cache.path()).files(&address()));
    assert!(told.contains("goes on at another place"), "{told}");
    assert!(other.requests().is_empty());
}

#[test]
fn a_file_of_the_name_of_totc_s_own_is_refused() {
    let listed = r#"[{"type":"file","oid":"2","size":3,"path":".files.json"}]"#;
    let server = Server::start(HashMap::from([(TREE.to_owned(), vec![ok(listed)])]));
    let cache = TempDir::new().expect("a folder");
    let told = error(Hub::at(&server.endpoint, cache.path()).files(&address()));
    assert!(told.contains("a name that totc uses for itself"), "{told}");
}
