//! Plots of the last hour, as SVG.
