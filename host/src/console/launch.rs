//! Opens the console in a browser by a file that only this user can read: everybody on the machine can read the arguments of
//! a program, so the address with the token must not be one.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::PathBuf;

use maud::{DOCTYPE, Markup, html};
use rand::Rng as _;

/// A page in a folder of its own that goes on to the console. It is removed when this is dropped.
#[derive(Debug)]
pub(super) struct LaunchPage {
    folder: PathBuf,
}

impl LaunchPage {
    /// Writes the page, and opens it in the default browser.
    ///
    /// # Errors
    /// The page cannot be written, or there is no browser.
    pub(super) fn open(url: &str) -> io::Result<Self> {
        let page = Self::write(url)?;
        open::that_detached(page.path())?;
        Ok(page)
    }

    fn write(url: &str) -> io::Result<Self> {
        let name = format!("sluice-console-{:016x}", rand::rng().next_u64());
        let folder = std::env::temp_dir().join(name);
        DirBuilder::new().mode(0o700).create(&folder)?;
        let page = Self { folder };
        let mut options = OpenOptions::new();
        let mut file = options
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(page.path())?;
        file.write_all(forward(url, None).into_string().as_bytes())?;
        Ok(page)
    }

    fn path(&self) -> PathBuf {
        self.folder.join("open.html")
    }
}

impl Drop for LaunchPage {
    fn drop(&mut self) {
        let _is_gone_already = fs::remove_dir_all(&self.folder);
    }
}

/// A page from which a browser goes on to another one by itself.
pub(super) fn forward(to: &str, icon: Option<&str>) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="refresh" content={ "0; url=" (to) };
                @if let Some(icon) = icon { link rel="icon" type="image/svg+xml" href=(icon); }
                title { "Sluice" }
            }
            body { p { a href=(to) { "Open the console" } } }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn only_this_user_reads_the_page_and_it_is_removed() {
        let page = LaunchPage::write("http://console.localhost:1/?token=a").unwrap();
        let mode = |path: PathBuf| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(page.path()), 0o600);
        assert_eq!(mode(page.folder.clone()), 0o700);
        let html = fs::read_to_string(page.path()).unwrap();
        let goes_on = r#"content="0; url=http://console.localhost:1/?token=a""#;
        assert!(html.contains(goes_on), "{html}");
        let folder = page.folder.clone();
        drop(page);
        assert!(!folder.exists());
    }
}
