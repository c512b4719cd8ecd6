//! The routes of the endpoints.

use hyper::{Method, StatusCode};

/// A page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Route {
    Metrics,
    Live,
    Ready,
    Status,
}

/// The page that a request is for.
///
/// # Errors
/// The status that says why there is none.
pub(super) fn route(method: &Method, path: &str) -> Result<Route, StatusCode> {
    let route = match path {
        "/metrics" => Route::Metrics,
        "/livez" => Route::Live,
        "/readyz" => Route::Ready,
        "/status" => Route::Status,
        _ => return Err(StatusCode::NOT_FOUND),
    };
    match *method {
        Method::GET | Method::HEAD => Ok(route),
        _ => Err(StatusCode::METHOD_NOT_ALLOWED),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_page_is_read_and_nothing_else_is_there() {
        for (path, page) in [
            ("/metrics", Route::Metrics),
            ("/livez", Route::Live),
            ("/readyz", Route::Ready),
            ("/status", Route::Status),
        ] {
            for method in [Method::GET, Method::HEAD] {
                assert_eq!(route(&method, path), Ok(page));
            }
            for method in [Method::POST, Method::DELETE, Method::OPTIONS] {
                assert_eq!(route(&method, path), Err(StatusCode::METHOD_NOT_ALLOWED));
            }
        }
        for path in ["/", "", "/metrics/", "/Metrics", "/status.json", "*"] {
            assert_eq!(route(&Method::GET, path), Err(StatusCode::NOT_FOUND));
        }
    }
}
