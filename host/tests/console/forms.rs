//! What a console says if a form is not as a browser sends it.

use super::{Console, console, place};
use crate::support::program::Place;

/// The addresses of forms, and the pages that have them.
const FORMS: [(&str, &str); 6] = [
    ("/releases/confirm", "/releases"),
    ("/releases/change", "/releases"),
    ("/try/run", "/try"),
    ("/try/config", "/try"),
    ("/try/cases", "/try"),
    ("/try/publish", "/try"),
];

/// The largest form, bytes.
const FORM_MAX_BYTES: usize = 8 << 20;

const ENCODED: &str = "application/x-www-form-urlencoded";

/// A console with everything that has a form.
fn with_forms() -> (Place, Console) {
    let place = place();
    let args = ["--lake", "file:lake", "--registry", "file:registry"];
    let args = [&args[..], &["--allow-publish", "--show-payloads"]].concat();
    let console = console(&place, &args);
    (place, console)
}

/// Somebody presses Enter in the address bar, or a browser restores a window.
#[test]
fn the_address_of_a_form_leads_to_its_page() {
    let (_place, console) = with_forms();
    for (path, page) in FORMS {
        let response = console.get(path);
        assert_eq!(response.status, 303, "{path}");
        assert_eq!(response.headers["location"], page, "{path}");
    }
}

#[test]
fn a_form_that_is_too_large_or_none_is_refused_with_a_page() {
    let (_place, console) = with_forms();
    let origin = format!("http://{}", console.host);
    let send = |path: &str, kind: &str, more: &[(&str, &str)], body: &str| {
        let headers = [("Origin", &*origin), ("Content-Type", kind)];
        let response = console.request("POST", path, &[&headers, more].concat(), body);
        assert_eq!(response.status, 400, "{path}: {}", response.text());
        response
    };
    let large = "x".repeat(FORM_MAX_BYTES + 1);
    for (path, page) in FORMS {
        let refused = [
            send(path, ENCODED, &[], &large),
            send(path, "text/plain", &[], "a=b"),
        ];
        assert!(refused[0].says("8 MiB"), "{path}: {}", refused[0].text());
        for response in refused {
            let current = format!("href=\"{page}\" aria-current=\"page\"");
            assert!(response.body.contains(&current), "{path}: {response:#?}");
        }
        // A script gets a piece.
        let piece = send(path, ENCODED, &[("x-fragment", "1")], &large);
        assert!(piece.body.starts_with("<p class=\"problem\""), "{piece:#?}");
    }
}
