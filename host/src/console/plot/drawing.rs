//! The drawing of a plot: its axes and its lines.

use std::io;

use chrono::{DateTime, Utc};
use plotters::coord::types::RangedCoordf64;
use plotters::drawing::DrawingAreaErrorKind;
use plotters::prelude::{
    Cartesian2d, ChartBuilder, ChartContext, IntoDrawingArea as _, LineSeries, RGBAColor, RGBColor,
    SVGBackend, ShapeStyle,
};

use super::marks::{Geometry, marks_of_hour};
use super::{Line, Span, amount};
use crate::console::components::size_unit;
use crate::console::history::{BUCKET_SECONDS, Mark, Point};

/// The size of the drawing, in its own units.
pub(super) const SIZE: (u32, u32) = (600, 180);

/// The colours of the lines, as style.css names them.
pub(super) const COLORS: [RGBColor; 6] = [
    RGBColor(0x09, 0x69, 0xda),
    RGBColor(0xbc, 0x4c, 0x00),
    RGBColor(0x1a, 0x7f, 0x37),
    RGBColor(0x82, 0x50, 0xdf),
    RGBColor(0xbf, 0x39, 0x89),
    RGBColor(0x57, 0x60, 0x6a),
];

const INVISIBLE: ShapeStyle = ShapeStyle {
    color: RGBAColor(0, 0, 0, 0.0),
    filled: false,
    stroke_width: 0,
};

const MESH: ShapeStyle = ShapeStyle {
    color: RGBAColor(0xd0, 0xd7, 0xde, 1.0),
    filled: false,
    stroke_width: 1,
};

/// A line ends where values are missing for longer than this, seconds.
const GAP_SECONDS: i64 = 3 * BUCKET_SECONDS;

/// A chart with two axes of numbers.
type Chart<'a, 'b> = ChartContext<'a, SVGBackend<'b>, Cartesian2d<RangedCoordf64, RangedCoordf64>>;

type PlotError = DrawingAreaErrorKind<io::Error>;

/// Draws the axes and the lines.
///
/// # Errors
/// None is expected: it is written to memory.
pub(super) fn draw(
    unit: &str,
    lines: &[Line<'_>],
    marks: &[Mark],
    span: Span,
) -> Result<(String, Geometry), PlotError> {
    let width = f64::from(span.minutes);
    let highest = top(lines);
    // The labels of an axis are round numbers of its unit.
    let scale = if unit.starts_with('B') {
        size_unit(highest).0
    } else {
        1.0
    };
    let highest = highest / scale;
    let mut svg = String::new();
    let geometry = {
        let root = SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
        let mut chart = ChartBuilder::on(&root)
            .margin(6)
            .margin_right(18)
            .x_label_area_size(22)
            .y_label_area_size(84)
            .build_cartesian_2d(-width..0.0, 0.0..highest)?;
        chart
            .configure_mesh()
            .disable_x_mesh()
            .x_labels(7)
            .y_labels(5)
            .light_line_style(INVISIBLE)
            .bold_line_style(MESH)
            .axis_style(MESH)
            .label_style(("sans-serif", 15))
            .x_label_formatter(&|minutes: &f64| match *minutes > -0.5 {
                true => "now".to_owned(),
                false => format!("{minutes:.0} min"),
            })
            .y_label_formatter(&|value: &f64| amount(*value * scale, unit))
            .draw()?;
        for (line, color) in lines.iter().zip(COLORS) {
            draw_line(&mut chart, line, color, span, scale)?;
        }
        let (_, bottom) = chart.backend_coord(&(0.0, 0.0));
        let (_, top) = chart.backend_coord(&(0.0, highest));
        let marks = marks_of_hour(marks, span.end).into_iter();
        let marks = marks.filter_map(|mark| {
            let at = minutes(mark.at.timestamp(), span.end);
            let (x, _) = chart.backend_coord(&(at, 0.0));
            (at >= -width).then_some((x, mark))
        });
        let marks = marks.collect();
        root.present()?;
        Geometry { top, bottom, marks }
    };
    Ok((svg, geometry))
}

/// Draws the parts of a line, whose values are divided by `scale`. A value without neighbours is a dot.
fn draw_line(
    chart: &mut Chart<'_, '_>,
    line: &Line<'_>,
    color: RGBColor,
    span: Span,
    scale: f64,
) -> Result<(), PlotError> {
    let style = ShapeStyle {
        color: color.into(),
        filled: true,
        stroke_width: 2,
    };
    let width = f64::from(span.minutes);
    for part in parts(line.points) {
        let points = part.iter();
        let points = points.map(|(at, value)| (minutes(*at, span.end), *value / scale));
        let points = points.filter(|(minutes, value)| *minutes >= -width && value.is_finite());
        let dot = if part.len() == 1 { 2 } else { 0 };
        chart.draw_series(LineSeries::new(points, style).point_size(dot))?;
    }
    Ok(())
}

/// How many minutes a moment is after `end`, a negative number.
fn minutes(at: i64, end: DateTime<Utc>) -> f64 {
    #[allow(clippy::cast_precision_loss, reason = "it is at most an hour")]
    let seconds = (at - end.timestamp()) as f64;
    seconds / 60.0
}

/// The largest value, with some space above it.
fn top(lines: &[Line<'_>]) -> f64 {
    let values = lines.iter().flat_map(|line| line.points);
    let values = values.map(|(_, value)| *value);
    let largest = values.filter(|value| value.is_finite()).fold(0.0, f64::max);
    if largest > 0.0 { largest * 1.1 } else { 1.0 }
}

/// The parts of a line between gaps.
fn parts(points: &[Point]) -> impl Iterator<Item = &[Point]> {
    points.chunk_by(|(before, _), (after, _)| after - before <= GAP_SECONDS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_break_a_line() {
        let points = [(0, 1.0), (20, 2.0), (80, 1.0), (160, 1.0)];
        let parts = parts(&points).map(<[Point]>::len);
        assert_eq!(parts.collect::<Vec<_>>(), [3, 1]);
    }

    #[test]
    fn there_is_space_above_the_largest_value() {
        let top = |points: &[Point]| top(&[Line { name: "a", points }]);
        assert!(top(&[(0, 1.0), (20, 10.0)]) > 10.0);
        assert_eq!(top(&[(0, 0.0), (20, f64::INFINITY)]), 1.0);
    }
}
