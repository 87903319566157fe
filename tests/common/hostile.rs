//! What programs say that are broken, or mean it: reports, logs and metrics pages, by chance and repeatable.

use super::cluster::answer;
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use tokio::net::TcpListener;

/// SplitMix64.
struct Chance(u64);

impl Chance {
    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn one_of<'a, T: ?Sized>(&mut self, all: &[&'a T]) -> &'a T {
        all[(self.roll() % all.len() as u64) as usize]
    }

    fn number(&mut self) -> &'static str {
        self.one_of(&[
            "0.5",
            "1e30",
            "1.8e19",
            "9.3e18",
            "-1",
            "1e308",
            "-1e308",
            "1e-320",
            "0",
            "-0.0",
            "9007199254740993",
        ])
    }

    /// With the numbers that JSON does not know.
    fn any_number(&mut self) -> &'static str {
        match self.roll() % 4 {
            0 => self.one_of(&["NaN", "Infinity", "-Infinity"]),
            _ => self.number(),
        }
    }

    fn name(&mut self) -> String {
        let n = self.roll() % 1000;
        match self.roll() % 6 {
            0 => "x".repeat(5_000),
            1 => format!("a.b/c\u{1F600}{n}"),
            2 => String::new(),
            3 => "\u{202e}\u{feff}".into(),
            _ => format!("m{n}"),
        }
    }
}

/// Final reports.
pub fn reports(seed: u64, n: usize) -> Vec<String> {
    let mut chance = Chance(seed);
    let mut all = vec![
        json!({"f1": 0.5}).to_string(),
        r#"{"f1": 0.9, "step": 1e30}"#.to_owned(),
        r#"{"f1": 1e308, "step": 3}"#.to_owned(),
        r#"{"f1": -1e308, "curve": [{"step": 1.7e19, "f1": 1}]}"#.to_owned(),
    ];
    while all.len() < n {
        all.push(report(&mut chance));
    }
    all
}

fn report(chance: &mut Chance) -> String {
    let mut fields = vec![
        format!("\"f1\": {}", chance.any_number()),
        format!("\"step\": {}", chance.any_number()),
    ];
    for _ in 0..chance.roll() % 200 {
        let name = serde_json::to_string(&chance.name()).unwrap();
        fields.push(format!("{name}: {}", chance.any_number()));
    }
    let points: Vec<String> = (0..chance.roll() % 400)
        .map(|_| {
            format!(
                "{{\"step\": {}, \"f1\": {}}}",
                chance.number(),
                chance.any_number()
            )
        })
        .collect();
    fields.push(format!("\"curve\": [{}]", points.join(",")));
    format!("{{{}}}", fields.join(", "))
}

/// Logs as a kubelet tells them, with a time before each line; the first one is harmless.
pub fn logs(seed: u64, n: usize) -> Vec<Vec<u8>> {
    let mut chance = Chance(seed);
    let mut all = vec![b"2026-01-02T03:04:05.000000000Z f1=0.5\n".to_vec()];
    all.extend((1..n).map(|_| log(&mut chance)));
    all
}

fn log(chance: &mut Chance) -> Vec<u8> {
    let mut log = Vec::new();
    for n in 0..chance.roll() % 3_000 {
        log.extend(format!("2026-01-02T03:{:02}:{:02}.{n:09}Z ", n / 60, n % 60).bytes());
        log.extend(line(chance));
        log.push(b'\n');
    }
    // Some end without an end of line, some within a number.
    log.truncate(log.len() - (chance.roll() % 3) as usize % (log.len() + 1));
    log
}

fn line(chance: &mut Chance) -> Vec<u8> {
    let number = match chance.roll() % 4 {
        0 => chance.one_of(&[
            "1e400",
            "0.4784.",
            "",
            "26.57%",
            "\u{661}\u{662}",
            "0x1p3",
            "1_000",
            "+-1",
        ]),
        _ => chance.any_number(),
    };
    let name = chance.name();
    match chance.roll() % 8 {
        0 => (0..chance.roll() % 500).map(|_| chance.roll() as u8).collect(),
        1 => format!("{}f1={number}", "x".repeat((chance.roll() % 40_000) as usize)).into(),
        2 => format!("f1={number}\r")
            .repeat((chance.roll() % 50) as usize)
            .into(),
        3 => format!("{{\"f1\": {number}, \"step\": {number}}}").into(),
        4 => format!("{name}={number}").into(),
        _ => format!("f1={number} loss={} m7={number}", chance.any_number()).into(),
    }
}

/// Metrics pages; the last one is harmless.
pub fn pages(seed: u64, n: usize) -> Vec<String> {
    let mut chance = Chance(seed);
    let mut all: Vec<String> = (1..n).map(|_| page(&mut chance)).collect();
    all.push("tuning_metric{name=\"f1\"} 0.5\ntuning_step 10\ntuning_metric_step 10\n".into());
    all
}

fn page(chance: &mut Chance) -> String {
    let mut page = format!(
        "tuning_metric{{name=\"f1\"}} {}\ntuning_step {}\ntuning_total_steps {}\ntuning_metric_step {}\n",
        chance.number(),
        chance.number(),
        chance.number(),
        chance.number()
    );
    for _ in 0..chance.roll() % 150 {
        let name = chance.name().replace(['"', '\\', '\n'], "");
        page += &format!("tuning_metric{{name=\"{name}\"}} {}\n", chance.number());
    }
    page
}

/// Serves one page after the other, the last one for ever; true once it has come to that.
pub async fn serve(pages: Vec<String>) -> (u16, Arc<AtomicBool>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let all_served = Arc::new(AtomicBool::new(false));
    let done = all_served.clone();
    tokio::spawn(async move {
        for place in 0.. {
            let (mut stream, _) = listener.accept().await.unwrap();
            let page = &pages[place.min(pages.len() - 1)];
            answer(&mut stream, "200 OK", page).await;
            done.store(place >= pages.len(), Ordering::Relaxed);
        }
    });
    (port, all_served)
}

/// A Prometheus server in front of which a proxy says that it is away, until it is told its only value.
pub struct Silent(Arc<AtomicU64>);

impl Silent {
    pub async fn new() -> (Self, u16) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let value = Arc::new(AtomicU64::new(0));
        let told = value.clone();
        tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                match f64::from_bits(told.load(Ordering::Relaxed)) {
                    // Closed without a word.
                    0.0 => drop(stream),
                    value => answer(&mut stream, "200 OK", &series(value)).await,
                }
            }
        });
        (Self(value), port)
    }

    pub fn answer(&self, value: f64) {
        self.0.store(value.to_bits(), Ordering::Relaxed);
    }
}

fn series(value: f64) -> String {
    let values = json!([[1_700_000_000.0, value.to_string()]]);
    json!({"status": "success", "data": {"resultType": "matrix", "result": [{"metric": {}, "values": values}]}})
        .to_string()
}
