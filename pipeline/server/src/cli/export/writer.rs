//! Events in the formats of an export, onto a pipe.

use std::io::Write;

use arrow::ipc::writer::StreamWriter;
use floodmark_core::ports::query::StoredEvent;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;

use super::{columns, fields};
use crate::cli::csv;
use crate::cli::events::ExportFormat;
use crate::cli::exit::Failure;
use crate::cli::listing::json_line;
use crate::cli::output::{Pipe, failed};

/// How many rows a row group of a Parquet file has: what is held in memory, encoded, until it is written.
const ROW_GROUP: usize = 131_072;

/// Writes events.
pub(super) enum Writer {
    /// One CloudEvent as JSON on each line.
    Json(Pipe),
    /// See [`fields`].
    Csv(Pipe),
    /// See [`columns`].
    Parquet(Box<ArrowWriter<Pipe>>),
    /// See [`columns`].
    Arrow(Box<StreamWriter<Pipe>>),
}

impl Writer {
    /// Writes what stands before the first event.
    pub(super) fn new(format: ExportFormat, mut pipe: Pipe) -> Result<Self, Failure> {
        Ok(match format {
            ExportFormat::Json => Self::Json(pipe),
            ExportFormat::Csv => {
                pipe.text(&csv::line(fields::NAMES))?;
                Self::Csv(pipe)
            }
            ExportFormat::Parquet => {
                let properties = WriterProperties::builder()
                    .set_compression(Compression::ZSTD(ZstdLevel::default()))
                    .set_max_row_group_row_count(Some(ROW_GROUP))
                    .build();
                Self::Parquet(Box::new(ArrowWriter::try_new(pipe, columns::schema(), Some(properties)).map_err(encoding)?))
            }
            ExportFormat::Arrow => Self::Arrow(Box::new(StreamWriter::try_new(pipe, &columns::schema()).map_err(encoding)?)),
        })
    }

    /// Writes a page.
    pub(super) fn write(&mut self, events: &[StoredEvent]) -> Result<(), Failure> {
        match self {
            _ if events.is_empty() => Ok(()),
            Self::Json(pipe) => events.iter().try_for_each(|stored| pipe.text(&json_line(&stored.event))),
            Self::Csv(pipe) => events.iter().try_for_each(|stored| pipe.text(&csv::line(fields::of(&stored.event)))),
            Self::Parquet(writer) => writer.write(&columns::batch(events)).map_err(encoding),
            Self::Arrow(writer) => writer.write(&columns::batch(events)).map_err(encoding),
        }
    }

    /// Whether nobody reads it any more.
    pub(super) fn gone(&self) -> bool {
        match self {
            Self::Json(pipe) | Self::Csv(pipe) => pipe.gone(),
            Self::Parquet(writer) => writer.inner().gone(),
            Self::Arrow(writer) => writer.get_ref().gone(),
        }
    }

    /// Writes what stands after the last event.
    pub(super) fn finish(self) -> Result<(), Failure> {
        let mut pipe = match self {
            Self::Json(pipe) | Self::Csv(pipe) => pipe,
            Self::Parquet(writer) => writer.into_inner().map_err(encoding)?,
            Self::Arrow(writer) => writer.into_inner().map_err(encoding)?,
        };
        pipe.flush().map_err(failed)
    }
}

fn encoding(e: impl std::fmt::Display) -> Failure {
    Failure::new(format!("writing the data: {e}"))
}
