//! Logs as a kubelet serves them, over connections that break where they are told to.

use super::*;
use crate::operator::fence::Fence;
use crate::operator::scrapers::{MetricsSource, Scrapers, TrialPod};
use crate::operator::settings::Settings;
use crate::operator::stores::Stores;
use crate::operator::telemetry::Telemetry;
use crate::operator::wake::Wake;
use bytes::Bytes;
use http::{Request, Response};
use http_body::Frame;
use jiff::Timestamp;
use kube::Client;
use kube::client::Body;
use kube::runtime::{reflector, watcher};
use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

#[path = "follow_log_kubelet.rs"]
mod kubelet;
use kubelet::{Connection, Kubelet, RECORD};

fn metrics() -> LogMetrics {
    LogMetrics::new([("f1", "f1=([0-9.]+)")]).unwrap()
}

/// A line in each of the first seconds, three of them with a value.
fn few() -> Vec<(i64, String)> {
    let line = |second: i64, text: &str| (second, text.to_owned());
    vec![
        line(0, "begin"),
        line(1, "f1=0.61"),
        line(1, "f1=0.61"),
        line(2, "a\rf1=0.6253"),
        line(3, "end"),
    ]
}

const FEW: [(u64, f64); 3] = [(1, 0.61), (2, 0.61), (3, 0.6253)];

/// Follows until so many points were heard.
async fn follow_until(log: &PodLog, n: usize) {
    let (tell, mut told): (_, UnboundedReceiver<bool>) = unbounded_channel();
    let follow = log.clone().follow(Duration::from_millis(1), move |trouble, _| {
        let _ = tell.send(trouble.is_none());
    });
    let heard = async {
        while log.heard().points.len() < n {
            told.recv().await.unwrap();
        }
    };
    let both = async {
        tokio::select! { () = follow => panic!("it has ended"), () = heard => {} }
    };
    timeout(Duration::from_secs(30), both).await.expect("it is heard");
}

async fn breaks_off(log: &PodLog) -> bool {
    let mut patience = Patience::new(Duration::ZERO);
    log.follow_once(Duration::ZERO, &mut patience, &|_, _| {})
        .await
        .is_err()
}

#[tokio::test]
async fn the_last_value_counts_however_long_the_log_and_its_lines() {
    let bar = |i: usize| format!("\r{i} f1=0.25 {}", "#".repeat(RECORD - 20));
    // Bars only, and what precedes the last value as one line of 40 MiB that has one time.
    let bars: String = (0..2560).map(bar).collect();
    let kubelet = Kubelet::new(&[(0, format!("{bars}\rf1=0.71"))], &[Connection::Whole(10_000)]);
    let heard = kubelet.log().rest().await;
    assert_eq!(heard.metrics["f1"], 0.71);
    assert_eq!(heard.points.last(), Some(&(2561, 0.71)));
    assert!(heard.points.len() <= 400);
    assert_eq!(heard.trouble, None);
}

#[tokio::test]
async fn after_a_broken_connection_nothing_is_counted_twice() {
    let length = Kubelet::new(&few(), &[]).text(None).len();
    for at in 0..=length {
        let kubelet = Kubelet::new(
            &few(),
            &[
                Connection::Breaks(at),
                Connection::Refused(503),
                Connection::Breaks(at / 2),
                Connection::Stays,
            ],
        );
        let log = kubelet.log();
        follow_until(&log, 3).await;
        assert_eq!(log.heard().points, FEW, "broken after {at} bytes");
    }
}

#[tokio::test]
async fn a_value_over_a_seam_is_read_whole() {
    for size in [1, 2, 3, 5, 7, 1000] {
        let heard = Kubelet::new(&few(), &[Connection::Whole(size)])
            .log()
            .rest()
            .await;
        assert_eq!(heard.points, FEW, "in pieces of {size} bytes");
    }
}

#[tokio::test]
async fn the_rest_of_a_log_is_what_comes_after_the_last_second() {
    let kubelet = Kubelet::new(&few(), &[Connection::Breaks(140), Connection::Whole(100)]);
    let log = kubelet.log();
    assert!(breaks_off(&log).await);
    let heard = log.rest().await;
    assert_eq!(heard.points, FEW);
    let asked = kubelet.asked.lock().unwrap().clone();
    assert!(
        asked[0].contains("follow=true") && !asked[0].contains("since"),
        "{asked:?}"
    );
    assert!(
        !asked[1].contains("follow") && asked[1].contains("sinceTime="),
        "{asked:?}"
    );
}

#[tokio::test]
async fn a_rest_that_breaks_off_is_asked_for_again_whoever_says_so() {
    for first in [Connection::Breaks(40), Connection::Ends(5), Connection::Ends(40)] {
        let kubelet = Kubelet::new(&few(), &[first, Connection::Whole(100)]);
        let heard = kubelet.log().rest().await;
        assert_eq!((heard.points, heard.trouble), (FEW.to_vec(), None));
    }
}

/// The second answer ends before all has come again that the first one had told.
#[tokio::test]
async fn an_answer_that_ends_before_anything_new_is_no_end_of_the_log() {
    let whole = Kubelet::new(&few(), &[]).text(None);
    let ends: Vec<usize> = (1..whole.len()).filter(|n| whole[n - 1] == b'\n').collect();
    let (second_line, third_line) = (ends[1], ends[2]);
    let short = [1, 5, second_line - 3, second_line - 1].map(async |n| {
        let told = [third_line, n, n].map(Connection::Ends);
        let kubelet = Kubelet::new(&few(), &[&told[..], &[Connection::Whole(100)]].concat());
        let heard = kubelet.log().rest().await;
        assert_eq!(
            (heard.points, heard.trouble),
            (FEW.to_vec(), None),
            "after {n} bytes"
        );
    });
    futures::future::join_all(short).await;
    let kubelet = Kubelet::new(&few(), &[Connection::Ends(third_line), Connection::Ends(5)]);
    let trouble = kubelet.log().rest().await.trouble.unwrap();
    assert!(trouble.contains("is not there any more"), "{trouble}");
}

/// Wherever the answer ends, between two lines or within one, and however often.
#[tokio::test]
async fn an_answer_that_ends_too_soon_is_not_taken_for_the_whole_log() {
    let whole = Kubelet::new(&few(), &[]).text(None);
    for n in 1..whole.len() {
        let kubelet = Kubelet::new(&few(), &[Connection::Ends(n), Connection::Whole(100)]);
        // A program's last line may have no end, and for that a second passes.
        let ends_in_a_line = whole[n - 1] != b'\n';
        if ends_in_a_line && !n.is_multiple_of(16) {
            continue;
        }
        let heard = kubelet.log().rest().await;
        assert_eq!(
            (heard.points, heard.trouble),
            (FEW.to_vec(), None),
            "after {n} bytes"
        );
    }
}

#[tokio::test]
async fn what_was_heard_stays_where_the_rest_is_gone() {
    let kubelet = Kubelet::new(&few(), &[]);
    let text = String::from_utf8(kubelet.text(None)).unwrap();
    let half = text.find("f1=0.6253").unwrap() + "f1=0.62".len();
    *kubelet.next.lock().unwrap() = [Connection::Breaks(half), Connection::Refused(404)].into();
    let log = kubelet.log();
    assert!(breaks_off(&log).await);
    let heard = log.rest().await;
    assert_eq!(heard.points, FEW[..2], "half a number is none");
    assert!(heard.trouble.unwrap().contains("can't be read to its end"));
}

#[tokio::test]
async fn a_log_that_cannot_be_read_is_said_until_it_can() {
    let mut connections = vec![Connection::Refused(403); 5];
    connections.push(Connection::Stays);
    let log = Kubelet::new(&few(), &connections).log();
    let (tell, mut told) = unbounded_channel();
    let follow = log
        .clone()
        .follow(Duration::from_millis(1), move |trouble, is_news| {
            let _ = tell.send((trouble, is_news));
        });
    let heard = async {
        let mut news = Vec::new();
        while log.heard().points.len() < 3 {
            let (trouble, is_news) = told.recv().await.unwrap();
            if is_news {
                news.push((trouble, log.heard().trouble));
            }
        }
        news
    };
    let both = async {
        tokio::select! { () = follow => panic!("it has ended"), news = heard => news }
    };
    let news = timeout(Duration::from_secs(30), both).await.expect("it is heard");
    let said = "its log can't be read for now: no".to_owned();
    assert_eq!(news[0], (Some(Kind::Log), Some(said)));
    assert_eq!(log.heard().trouble, None);
}

/// Scrapers of one pod that runs.
fn scrapers(kubelet: &Kubelet) -> (Scrapers, TrialPod) {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let who = TrialPod {
        owner: ("team".into(), "job".into()),
        name: "pod".into(),
        uid: "uid".into(),
    };
    let resource = crate::operator::cluster::job_resource();
    let mut jobs = reflector::store::Writer::new(resource.clone());
    let job = kube::api::DynamicObject::new("job", &resource).within("team");
    jobs.apply_watcher_event(&watcher::Event::Apply(job));
    let stores = Stores::new(jobs.as_reader());
    let pod = serde_json::json!({"metadata": {"name": "pod", "uid": "uid"}});
    stores
        .pods
        .put(&who.owner, "pod", serde_json::from_value(pod).unwrap());
    let telemetry = Telemetry::new().unwrap();
    let wake = Wake::new(telemetry.clone());
    let scrapers = Scrapers::new(kubelet.cluster(), &Settings::default(), telemetry, wake, stores);
    (scrapers.unwrap(), who)
}

#[tokio::test]
async fn a_pod_that_is_forgotten_is_followed_no_more() {
    let kubelet = Kubelet::new(&few(), &[Connection::Stays]);
    let (scrapers, who) = scrapers(&kubelet);
    scrapers.follow(&who, MetricsSource::Log(metrics()), "f1");
    let ends = async {
        while scrapers.heard("uid").points.len() < 3 {
            tokio::task::yield_now().await;
        }
        assert_eq!(kubelet.open.load(Ordering::SeqCst), 1);
        scrapers.forget("uid");
        while kubelet.open.load(Ordering::SeqCst) > 0 {
            tokio::task::yield_now().await;
        }
    };
    timeout(Duration::from_secs(30), ends)
        .await
        .expect("the connection is closed");
    assert_eq!(scrapers.heard("uid"), ReportedMetrics::default());
}
