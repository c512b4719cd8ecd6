//! The deployment package of a Lambda function.

use std::path::PathBuf;

/// Where Lambda unpacks it.
const TASK_ROOT: &str = "LAMBDA_TASK_ROOT";

/// A file or folder of the package, if this process runs in a Lambda function and the package has it.
#[must_use]
pub fn file(name: &str) -> Option<PathBuf> {
    let path = PathBuf::from(std::env::var_os(TASK_ROOT)?).join(name);
    path.exists().then_some(path)
}
