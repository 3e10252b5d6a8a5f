//! The older of the two text forms, for who does not ask for OpenMetrics.

use http::{HeaderMap, header::ACCEPT};

/// The media type of OpenMetrics, the form that the metrics are written in.
pub(super) const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
/// The media type of Prometheus's own.
pub(super) const PLAIN: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Whether these fields of a request ask for OpenMetrics. Prometheus does.
pub(super) fn wants_open_metrics(fields: &HeaderMap) -> bool {
    let accepted = fields.get_all(ACCEPT).iter();
    let mut accepted = accepted.filter_map(|value| value.to_str().ok());
    accepted.any(|value| value.contains("application/openmetrics-text"))
}

/// OpenMetrics as the older form: a counter's family has the name of its samples there, and units and the end
/// are not said. Values of labels are escaped alike in both, so no line break stands in one.
pub(super) fn of_open_metrics(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        if line.starts_with("# UNIT ") || line == "# EOF" {
            continue;
        }
        let is_counter = match line.strip_prefix("# HELP ") {
            // Its type stands in the next line.
            Some(_) => lines.peek().is_some_and(|next| is_counter(next)),
            None => is_counter(line),
        };
        match line.splitn(4, ' ').collect::<Vec<_>>().as_slice() {
            [hash, kind, name, rest] if is_counter => {
                for part in [hash, " ", kind, " ", name, "_total ", rest] {
                    plain.push_str(part);
                }
            }
            _ => plain.push_str(line),
        }
        plain.push('\n');
    }
    plain
}

fn is_counter(line: &str) -> bool {
    line.starts_with("# TYPE ") && line.ends_with(" counter")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_counter_has_the_name_of_its_samples() {
        let text = "# HELP p_a Of a.\n# TYPE p_a counter\np_a_total{x=\"# TYPE \\n counter\"} 1\n\
                    # HELP p_b_seconds Of b.\n# TYPE p_b_seconds gauge\n# UNIT p_b_seconds seconds\n\
                    p_b_seconds 2\n# EOF\n";
        assert_eq!(
            of_open_metrics(text),
            "# HELP p_a_total Of a.\n# TYPE p_a_total counter\np_a_total{x=\"# TYPE \\n counter\"} 1\n\
             # HELP p_b_seconds Of b.\n# TYPE p_b_seconds gauge\np_b_seconds 2\n"
        );
    }
}
