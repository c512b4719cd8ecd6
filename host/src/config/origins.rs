//! Where settings come from, so that an error that is found later names the place to correct.

use std::collections::BTreeMap;

use super::ConfigError;

/// The lines of the file and the environment variables that set something, by the dotted key of the setting.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origins(BTreeMap<String, String>);

impl Origins {
    /// Origins of keys; the place of a key begins an error.
    #[must_use]
    pub fn new(places: impl IntoIterator<Item = (String, String)>) -> Self {
        Self(places.into_iter().collect())
    }

    /// The error with the place that its setting comes from. A setting that is a flag or a default keeps its key.
    #[must_use]
    pub fn locate(&self, error: ConfigError) -> ConfigError {
        match self.0.get(&error.key) {
            Some(place) => ConfigError::new(place, error.why),
            None => error,
        }
    }

    /// As [`locate`](Self::locate), for an error that may be one of a setting. What is around it, such as the name of a
    /// component, says more than where the setting comes from.
    #[must_use]
    pub fn locate_any(&self, error: anyhow::Error) -> anyhow::Error {
        let message = error.to_string();
        match error.downcast::<ConfigError>() {
            Ok(error) if error.to_string() != message => anyhow::Error::new(error).context(message),
            Ok(error) => self.locate(error).into(),
            Err(error) => error,
        }
    }
}
