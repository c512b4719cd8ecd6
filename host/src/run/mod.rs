//! The modes. Each chooses where chunks come from and where outcomes go; what happens between is
//! [`pipeline`](crate::pipeline).

pub mod local;
