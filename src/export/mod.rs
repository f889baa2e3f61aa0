//! Models as programs of others, for those who leave totc. Takes graphs as the checker made them, gives texts; runs nothing,
//! knows no libtorch and no files.

pub mod pytorch;
