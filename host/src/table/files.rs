//! Writes the events of chunks as the files of a table.
