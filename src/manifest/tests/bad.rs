//! Each file of `tests/manifests/bad`, and all that is said about it: message, place and help.

use super::*;

const BAD: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/manifests/bad");

#[test]
fn what_is_said_about_each_bad_manifest() {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(format!("{BAD}/said"));
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    let files = fs::read_dir(BAD).unwrap().map(|entry| entry.unwrap().path());
    let manifests = files.filter(|path| path.extension().is_some_and(|name| name == "yaml"));
    for path in manifests {
        let error = Manifest::load(&path, &options()).expect_err("a bad manifest");
        let said = error.to_string().replace(&format!("{BAD}/"), "");
        let name = path.file_stem().unwrap().to_string_lossy();
        settings.bind(|| insta::assert_snapshot!(&*name, said));
    }
}
