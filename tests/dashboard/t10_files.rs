//! The page and its files as they are served.

use troupe_tests::Config;

use crate::http::get;
use crate::stage::Stage;

/// Addresses in `href` and `src` of the page.
fn addresses(page: &str) -> Vec<String> {
    let parts = page.split('"').collect::<Vec<_>>();
    let pairs = parts.windows(2).filter(|pair| pair[0].ends_with("href=") || pair[0].ends_with("src="));
    pairs.map(|pair| pair[1].to_owned()).filter(|address| !address.starts_with('#')).collect()
}

#[test]
fn the_page_and_all_it_loads() {
    let stage = Stage::new("");
    let page = get(stage.monitor(), "/dashboard", &[]);
    assert_eq!((page.status, page.header("content-type")), (200, "text/html; charset=utf-8"));
    let policy = page.header("content-security-policy");
    assert!(policy.starts_with("default-src 'none'; script-src 'self'; style-src 'self';"), "{policy}");
    assert!(!policy.contains("unsafe"), "{policy}");
    assert_eq!(page.header("x-content-type-options"), "nosniff");
    let files = addresses(&page.text()).into_iter().filter(|address| address.starts_with("dashboard/"));
    let mut num_files = 0;
    for file in files {
        let answer = get(stage.monitor(), &format!("/{file}"), &[]);
        let expected = match file.rsplit('.').next() {
            Some("js") => "text/javascript; charset=utf-8",
            Some("css") => "text/css; charset=utf-8",
            _ => "image/svg+xml",
        };
        assert_eq!((answer.status, answer.header("content-type")), (200, expected), "{file}");
        assert!(answer.header("cache-control").contains("immutable"), "{file}");
        assert!(!answer.body.is_empty(), "{file}");
        num_files += 1;
    }
    assert!(num_files >= 8, "the page loads {num_files} files");
}

#[test]
fn what_is_known_is_not_sent_again() {
    let stage = Stage::new("");
    let first = get(stage.monitor(), "/dashboard", &[]);
    let tag = first.header("etag");
    assert!(tag.len() > 10 && first.header("cache-control").contains("no-cache"), "{first:?}");
    for known in [tag.to_owned(), format!("\"other\", W/{tag}")] {
        let again = get(stage.monitor(), "/dashboard", &[("If-None-Match", &known)]);
        assert_eq!((again.status, again.body.len(), again.header("etag")), (304, 0, tag));
    }
    let other = get(stage.monitor(), "/dashboard", &[("If-None-Match", "\"other\"")]);
    assert_eq!(other.status, 200);
}

#[test]
fn nothing_else_is_served() {
    let stage = Stage::new("");
    let page = get(stage.monitor(), "/dashboard", &[]).text();
    let app = addresses(&page).into_iter().find(|address| address.ends_with("/app.js")).unwrap();
    let directory = app.trim_end_matches("app.js");
    let paths = [
        format!("/{directory}other.js"),
        format!("/{directory}../mod.rs"),
        format!("/{directory}index.html"),
        format!("/{directory}"),
        "/dashboard/0123456789abcdef/app.js".to_owned(),
        "/dashboard/app.js".to_owned(),
    ];
    for path in paths {
        assert_eq!(get(stage.monitor(), &path, &[]).status, 404, "{path}");
    }
    let slash = get(stage.monitor(), "/dashboard/", &[]);
    assert_eq!((slash.status, slash.header("location")), (308, "../dashboard"));
}

#[test]
fn everything_stays_below_the_base_path() {
    let config = Config::new("http: \"127.0.0.1:-1\"\nhttp_base_path: \"/nats\"");
    let stage = Stage::with(config, "/nats");
    let page = get(stage.monitor(), "/nats/dashboard", &[]);
    assert_eq!(page.status, 200);
    for file in addresses(&page.text()) {
        assert_eq!(get(stage.monitor(), &format!("/nats/{file}"), &[]).status, 200, "{file}");
    }
    assert_eq!(get(stage.monitor(), "/dashboard", &[]).status, 404);
}

#[test]
fn the_table_refuses_what_it_does_not_know() {
    let stage = Stage::new("");
    for query in ["sort=size", "order=up", "state=any", "limit=-1", "offset=x"] {
        let answer = get(stage.monitor(), &format!("/dashboard/connections?{query}"), &[]);
        assert_eq!(answer.status, 400, "{query}");
        assert!(answer.text().starts_with("Error decoding"), "{query}: {}", answer.text());
    }
}

#[test]
fn the_front_page_leads_there() {
    let stage = Stage::new("");
    let page = get(stage.monitor(), "/", &[]).text();
    assert!(page.contains("/dashboard\""), "{page}");
}
