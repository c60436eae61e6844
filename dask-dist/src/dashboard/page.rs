//! The page: live, or with what is known inside.

use std::cmp::Reverse;

use axum::extract::State;
use axum::http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use axum::response::{Html, IntoResponse, Response};
use serde_json::{Value, json};

use super::Shared;
use super::api::{CALLS_MAX, PAIRS_MAX, ended_of, gone, layers_of, news_of, profile_of, status_of, workers_of};
use super::gather::Gather;
use crate::scheduler::LayerCount;

const INDEX: &str = include_str!("assets/index.html");
const STYLE: &str = include_str!("assets/style.css");
const SCRIPT: &str = include_str!("assets/dashboard.js");

const LINK: &str = "<link rel=\"stylesheet\" href=\"style.css\">";
const SOURCE: &str = "<script src=\"dashboard.js\" defer></script>";
const GRAPH_MAX: u32 = 500;
/// Kinds of layers of which a report has the call trees, those with most time.
const PROFILES_MAX: usize = 20;

pub(super) async fn index() -> Html<&'static str> {
    Html(INDEX)
}

pub(super) async fn style() -> Response {
    ([(CONTENT_TYPE, "text/css; charset=utf-8")], STYLE).into_response()
}

pub(super) async fn script() -> Response {
    ([(CONTENT_TYPE, "text/javascript; charset=utf-8")], SCRIPT).into_response()
}

pub(super) async fn report_html(State(shared): State<Shared>) -> Response {
    let policy = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:";
    match report(&shared.gather).await {
        Some(page) => ([(CONTENT_SECURITY_POLICY, policy)], Html(page)).into_response(),
        None => gone(),
    }
}

/// One self-contained page.
pub(super) async fn report(gather: &Gather) -> Option<String> {
    let (overview, layers) = (gather.overview().await?, gather.layers().await?);
    let ended = gather.ended(0, usize::MAX).await?.tasks;
    let (news, _) = gather.news(0, usize::MAX).await?;
    let (graph, traffic) = (gather.graph(GRAPH_MAX).await?, gather.traffic(PAIRS_MAX).await?);
    let profiles = profiles(gather, &layers).await?;
    let data = json!({
        "status": status_of(&overview, &layers), "workers": workers_of(&overview), "layers": layers_of(&layers),
        "tasks": ended_of(&ended), "news": news_of(&news), "graph": graph, "transfers": traffic,
        "profiles": profiles,
    });
    // Nothing in it can end the element that holds it.
    let data = data.to_string().replace('<', "\\u003c");
    let style = format!("<style>\n{STYLE}</style>");
    let script = format!(
        "<script type=\"application/json\" id=\"kept\">{data}</script>\n<script type=\"module\">\n{SCRIPT}</script>"
    );
    Some(INDEX.replacen(LINK, &style, 1).replacen(SOURCE, &script, 1))
}

/// Call trees by layer, of those that have one.
async fn profiles(gather: &Gather, layers: &[LayerCount]) -> Option<Value> {
    let mut largest: Vec<&LayerCount> = layers.iter().collect();
    largest.sort_by_key(|layer| Reverse(layer.activity.iter().sum::<u64>()));
    let mut profiles = serde_json::Map::new();
    for layer in largest.into_iter().take(PROFILES_MAX) {
        let profile = gather.profile(layer.what.clone(), CALLS_MAX).await?.filter(|profile| !profile.calls.is_empty());
        profiles.extend(profile.map(|profile| (layer.what.clone(), profile_of(&profile))));
    }
    Some(profiles.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_names_its_parts_so_that_a_report_can_hold_them() {
        assert_eq!((INDEX.matches(LINK).count(), INDEX.matches(SOURCE).count()), (1, 1));
        assert!(!SCRIPT.contains("</script"), "the script could not be inlined");
        for text in [INDEX, STYLE, SCRIPT] {
            assert!(!text.contains("http://") && !text.contains("https://"), "nothing is fetched from elsewhere");
        }
    }
}
