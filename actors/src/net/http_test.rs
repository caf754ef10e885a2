use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::*;

/// Answers each connection with the next of `answers` and yields what was asked.
async fn serve(answers: Vec<String>) -> (String, tokio::task::JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let serving = tokio::spawn(async move {
        let mut asked = Vec::new();
        for answer in answers {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = Vec::new();
            while !request.ends_with(b"\r\n\r\n") {
                request.push(stream.read_u8().await.unwrap());
            }
            asked.push(String::from_utf8(request).unwrap());
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
        asked
    });
    (address, serving)
}

fn fetcher() -> HttpFetcher {
    HttpFetcher::new(None, Duration::from_secs(20)).unwrap()
}

#[tokio::test]
async fn documents_redirects_and_logins() {
    let moved = "HTTP/1.1 302 Found\r\nLocation: /there?x=1\r\nContent-Length: 0\r\n\r\n".to_owned();
    let found = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello".to_owned();
    let (address, serving) = serve(vec![moved, found]).await;
    assert_eq!(fetcher().get(&format!("http://u:p%20w@{address}/here")).await.unwrap(), "hello");
    let asked = serving.await.unwrap();
    assert!(asked[0].starts_with("GET /here HTTP/1.1\r\n"), "{asked:?}");
    assert!(asked[0].contains(&format!("host: {address}\r\n")), "{asked:?}");
    assert!(asked[0].contains("authorization: Basic dTpwIHc=\r\n"), "{asked:?}");
    assert!(asked[1].starts_with("GET /there?x=1 HTTP/1.1\r\n"), "{asked:?}");
}

#[tokio::test]
async fn a_document_without_length_ends_with_the_connection() {
    let (address, _serving) = serve(vec!["HTTP/1.0 200 OK\r\n\r\nall of it".to_owned()]).await;
    assert_eq!(fetcher().get(&format!("http://{address}/")).await.unwrap(), "all of it");
}

#[tokio::test]
async fn failures_have_their_words() {
    let text = async |url: String| fetcher().get(&url).await.unwrap_err().to_string();
    let (address, _serving) = serve(vec!["HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n".to_owned()]).await;
    assert_eq!(text(format!("http://{address}/")).await, "404 Not Found");
    let huge = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", MAX_DOCUMENT + 1);
    let (address, _serving) = serve(vec![huge]).await;
    assert!(fetcher().get(&format!("http://{address}/")).await.is_err());
    let (address, _serving) = serve(vec!["SSH-2.0-x\r\n\r\n".to_owned()]).await;
    assert!(fetcher().get(&format!("http://{address}/")).await.is_err());
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    assert_eq!(text(format!("http://{free}/")).await, format!("dial tcp {free}: connect: connection refused"));
    assert_eq!(text("ftp://localhost/".to_owned()).await, "unsupported protocol scheme \"ftp\"");
    let loops = "HTTP/1.1 301 Moved Permanently\r\nLocation: /\r\nContent-Length: 0\r\n\r\n".to_owned();
    let (address, _serving) = serve(vec![loops; MAX_REDIRECTS]).await;
    assert_eq!(text(format!("http://{address}/")).await, "stopped after 10 redirects");
}

#[tokio::test]
async fn a_server_that_says_nothing_is_not_waited_for() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let fetcher = HttpFetcher::new(None, Duration::from_millis(50)).unwrap();
    assert!(matches!(fetcher.get(&url).await, Err(HttpError::Timeout)));
}
