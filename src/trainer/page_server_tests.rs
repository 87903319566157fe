//! The page under many clients, silent and slow ones among them.

use super::*;
use std::io::{Read, Write};
use std::net::{IpAddr, TcpStream};
use std::time::Instant;

/// A server of the page "page 1", on a port that was free a moment ago.
fn server() -> u16 {
    let free = bind((Ipv4Addr::UNSPECIFIED, 0).into()).unwrap();
    let port = free.local_addr().unwrap().port();
    drop(free);
    serve(port, || b"page 1\n".to_vec()).unwrap();
    port
}

fn connect(port: u16) -> TcpStream {
    TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap()
}

/// All that comes back for `request`.
fn say(mut client: TcpStream, request: &str) -> String {
    client.set_read_timeout(Some(2 * PATIENCE)).unwrap();
    client.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    client.read_to_string(&mut answer).unwrap();
    answer
}

fn scrape(port: u16) -> Duration {
    let begun = Instant::now();
    let answer = say(connect(port), "GET /metrics HTTP/1.1\r\nHost: h\r\n\r\n");
    assert!(
        answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.ends_with("\r\n\r\npage 1\n"),
        "{answer}"
    );
    begun.elapsed()
}

/// Whether the server has closed this connection.
fn is_closed(mut client: &TcpStream) -> bool {
    client.set_read_timeout(Some(Duration::from_millis(1))).unwrap();
    match client.read(&mut [0]) {
        Ok(n) => n == 0,
        Err(fault) => !matches!(fault.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut),
    }
}

#[test]
fn silent_and_slow_clients_keep_nobody_waiting() {
    let port = server();
    let silent: Vec<TcpStream> = (0..50).map(|_| connect(port)).collect();
    let mut slow: Vec<TcpStream> = (0..20).map(|_| connect(port)).collect();
    let mut longest = Duration::ZERO;
    for byte in b"GET" {
        for client in &mut slow {
            // Those that had to give way are gone.
            let _ = client.write_all(&[*byte]);
        }
        let second = Instant::now();
        while second.elapsed() < Duration::from_secs(1) {
            longest = longest.max(scrape(port));
            std::thread::sleep(Duration::from_millis(50));
        }
    }
    println!("the longest of the scrapes took {longest:?}");
    assert!(longest < Duration::from_secs(1), "{longest:?}");
    drop(silent);
}

#[test]
fn a_client_that_says_nothing_is_left_alone_after_a_while() {
    let port = server();
    let mut client = connect(port);
    let begun = Instant::now();
    client.set_read_timeout(Some(4 * PATIENCE)).unwrap();
    assert_eq!(client.read(&mut [0]).unwrap(), 0);
    let waited = begun.elapsed();
    assert!(
        waited > PATIENCE / 2 && waited < 3 * PATIENCE,
        "{waited:?} of {PATIENCE:?}"
    );
}

#[test]
fn the_oldest_of_too_many_gives_way() {
    let port = server();
    let clients: Vec<TcpStream> = (0..3 * MAX_CLIENTS).map(|_| connect(port)).collect();
    scrape(port);
    let (old, new) = clients.split_at(2 * MAX_CLIENTS);
    assert!(old.iter().all(is_closed), "an older one is still open");
    assert!(!is_closed(new.last().unwrap()), "the newest one is closed");
}

#[test]
fn a_question_of_another_kind_gets_its_own_answer() {
    let port = server();
    let ask = |request: &str| say(connect(port), &format!("{request} HTTP/1.1\r\nHost: h\r\n\r\n"));
    let head = ask("HEAD /metrics");
    assert!(
        head.starts_with("HTTP/1.1 200 OK\r\n") && head.contains("content-length: 7\r\n"),
        "{head}"
    );
    assert!(head.ends_with("\r\n\r\n"), "a body with HEAD: {head}");
    assert!(ask("GET /metrics?name[]=up").ends_with("page 1\n"));
    for path in ["/", "/metric", "/metrics/", "/../metrics"] {
        let answer = ask(&format!("GET {path}"));
        assert!(answer.starts_with("HTTP/1.1 404 "), "{path}: {answer}");
        assert!(answer.ends_with("the metrics are at /metrics\n"), "{answer}");
    }
    let post = "POST /metrics HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000\r\n\r\nonly a part";
    for answer in [ask("DELETE /metrics"), say(connect(port), post)] {
        assert!(answer.starts_with("HTTP/1.1 405 "), "{answer}");
        assert!(answer.contains("allow: GET, HEAD\r\n"), "{answer}");
    }
    let long = format!("GET /metrics HTTP/1.1\r\nLong: {}", "x".repeat(MAX_HEAD_BYTES));
    let answer = say(connect(port), &long);
    assert!(answer.starts_with("HTTP/1.1 431 "), "{answer}");
    let answer = say(connect(port), "hello\r\n\r\n");
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
    scrape(port);
}

#[test]
fn both_families_of_addresses_are_heard() {
    let there_is = |address: IpAddr| TcpListener::bind((address, 0)).is_ok();
    let port = server();
    for address in [Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()] {
        if !there_is(address) {
            println!("left out: this machine has no {address}");
            continue;
        }
        let client = TcpStream::connect((address, port)).unwrap();
        let answer = say(client, "GET /metrics HTTP/1.1\r\nHost: h\r\n\r\n");
        assert!(answer.ends_with("page 1\n"), "{address}: {answer}");
    }
}

#[test]
fn a_taken_port_is_a_failure_with_its_own_code() {
    let addresses: [SocketAddr; 2] = [(Ipv4Addr::UNSPECIFIED, 0).into(), (Ipv4Addr::LOCALHOST, 0).into()];
    for address in addresses {
        let taken = TcpListener::bind(address).unwrap();
        let port = taken.local_addr().unwrap().port();
        let failure = serve(port, Vec::new).unwrap_err();
        assert_eq!(failure.code(), 47);
        assert!(failure.to_string().contains(&port.to_string()), "{failure}");
    }
}
