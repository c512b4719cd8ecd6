//! layout.

pub mod chunk;
pub mod object_key;
pub mod object_notification;
pub mod quarantine;
