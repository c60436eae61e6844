//! A scheduler that does not answer, or not everything.

use std::time::Duration;

use axum::body::Body;
use axum::http::header::{AUTHORIZATION, CACHE_CONTROL, HOST};
use axum::http::{Request, Response};
use hyper::service::Service;
use hyper_util::service::TowerToHyperService;

use super::*;
use crate::security::Security;
use crate::shell::questions::Question;

fn routes(guard: Guard) -> (TowerToHyperService<Router>, Asked) {
    let (questions, asked) = Questions::new();
    let shared = Shared { gather: Arc::new(Gather::new(questions)), viewers: Arc::default() };
    (TowerToHyperService::new(router(shared, guard)), asked)
}

async fn get_as(routes: &TowerToHyperService<Router>, path: &str, host: &str, token: &str) -> Response<Body> {
    let request = Request::get(path).header(HOST, host).header(AUTHORIZATION, format!("Bearer {token}"));
    routes.call(request.body(Body::empty()).unwrap()).await.unwrap()
}

async fn get(routes: &TowerToHyperService<Router>, path: &str) -> Response<Body> {
    get_as(routes, path, "localhost", "").await
}

const ALL: [&str; 11] = [
    "/health",
    "/metrics",
    "/report.html",
    "/api/v1/status",
    "/api/v1/workers",
    "/api/v1/layers",
    "/api/v1/layers/x/profile",
    "/api/v1/tasks",
    "/api/v1/events",
    "/api/v1/graph",
    "/api/v1/task/x-0",
];

#[tokio::test(start_paused = true)]
async fn a_silent_scheduler_is_unavailable_within_its_time() {
    let (routes, asked) = routes(Guard::default());
    let _silent = asked.take();
    for path in ALL {
        let start = tokio::time::Instant::now();
        let response = get(&routes, path).await;
        assert_eq!(response.status(), 503, "{path}");
        assert_eq!(response.headers()[CACHE_CONTROL], "no-store", "{path}");
        assert!(start.elapsed() < Duration::from_secs(12), "{path} took {:?}", start.elapsed());
    }
}

#[tokio::test(start_paused = true)]
async fn who_asks_whether_it_is_well_does_not_wait_for_a_long_count() {
    let (routes, asked) = routes(Guard::default());
    let (_, mut questions) = asked.take().unwrap();
    let (counting, counted) = oneshot::channel();
    let mut counting = Some(counting);
    tokio::spawn(async move {
        let mut unanswered = Vec::new();
        while let Some(question) = questions.recv().await {
            match question {
                Question::Alive(answer) => answer.send(()).unwrap(),
                other => {
                    unanswered.push(other);
                    counting.take().into_iter().for_each(|counting| counting.send(()).unwrap());
                }
            }
        }
    });
    let count = tokio::spawn({
        let routes = routes.clone();
        async move { get(&routes, "/api/v1/layers").await.status() }
    });
    counted.await.unwrap();
    let start = tokio::time::Instant::now();
    assert_eq!(get(&routes, "/health").await.status(), 200);
    assert_eq!(start.elapsed(), Duration::ZERO);
    assert_eq!(count.await.unwrap(), 503);
}

#[tokio::test]
async fn with_a_token_any_name_will_do_and_without_one_those_that_were_given() {
    let (open, _asked) = routes(Guard { hosts: vec!["pages.example".to_owned()], ..Guard::default() });
    assert_eq!(get_as(&open, "/style.css", "pages.example:80", "").await.status(), 200);
    let refused = get_as(&open, "/style.css", "evil.example", "").await;
    assert_eq!((refused.status().as_u16(), &refused.headers()[CACHE_CONTROL]), (403, &"no-store".parse().unwrap()));
    let readers = Security::default().token("0123456789abcdef0123456789abcdef").unwrap();
    let (guarded, _asked) = routes(Guard { readers, ..Guard::default() });
    assert_eq!(get_as(&guarded, "/style.css", "proxy.example", "0123456789abcdef0123456789abcdef").await.status(), 200);
    // A browser asks its user, under whichever name.
    for token in ["", "wrong"] {
        assert_eq!(get_as(&guarded, "/style.css", "proxy.example", token).await.status(), 401);
    }
}
