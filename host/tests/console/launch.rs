//! `--open` gives the token to the browser of the user, and to nobody else on the machine.

use std::env;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use super::{Console, place};
use crate::support::cloud::signal;

#[test]
fn only_a_private_file_has_the_token() {
    let place = place();
    let opened = place.path("opened");
    // What programs that open a file are called with, everybody on the machine can read.
    let opener = format!(
        "#!/bin/sh\nprintf '%s\\n' \"$@\" > '{0}.part'\nmv '{0}.part' '{0}'\n",
        opened.display()
    );
    let opener = place.write("bin/xdg-open", opener);
    fs::set_permissions(&opener, fs::Permissions::from_mode(0o755)).unwrap();
    let mut folders = vec![place.path("bin")];
    folders.extend(env::split_paths(&env::var_os("PATH").unwrap()));
    fs::create_dir(place.path("tmp")).unwrap();
    let mut command = place.command(&["console", "--lake", "file:lake", "--open"]);
    command.env("PATH", env::join_paths(folders).unwrap());
    command.env("TMPDIR", place.path("tmp"));
    let mut console = Console::start(&mut command);
    console.process.until(|| opened.exists());
    let arguments = fs::read_to_string(&opened).unwrap();
    assert!(!arguments.contains(&console.token), "{arguments}");
    let page = Path::new(arguments.trim_end());
    assert!(page.starts_with(place.path("tmp")), "{arguments}");
    let goes_on = format!("url=http://{}/?token={}", console.host, console.token);
    assert!(fs::read_to_string(page).unwrap().contains(&goes_on));
    for (path, mode) in [(page, 0o600), (page.parent().unwrap(), 0o700)] {
        let is = fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(is, mode, "{}", path.display());
    }
    signal(&console.process.0, "TERM");
    assert_eq!(console.process.ends(), Some(0));
    assert!(!page.parent().unwrap().exists());
}
