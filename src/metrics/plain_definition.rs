//! What a definition without an expression of its own looks for: `NAME=value` as programs print it, in prose, dicts and JSON.

/// The expression for a metric of which only the name is given.
///
/// What stands before the name keeps longer names out (`eval_f1`, `val/f1`, `best-f1`), what stands after it `f12` and
/// `f1_macro`. What does not begin like a number is a word about the metric, such as `f1: better than before`, and no value.
pub(super) fn expression_for(name: &str) -> String {
    let name = regex::escape(name);
    let bare = format!(r"(?:^|[^-+./\w]){name}");
    let quoted = format!(r#""{name}"|'{name}'"#);
    // Python writes numbers of its libraries as `np.float64(0.87)` and `tensor(0.87)`.
    let before = r#"["']?(?:(?:np\.\w+|tensor)\()?"#;
    let number = r"[-+]?(?:\.?[0-9][-+.\w]*|(?i:nan|inf(?:inity)?)\b)";
    format!(r"(?:{bare}|{quoted})\s*[=:]\s*{before}({number})")
}

#[cfg(test)]
mod tests {
    use super::super::LogMetrics;

    /// What a definition of this name alone reads in a line.
    fn read(name: &str, line: &str) -> Vec<Result<f64, ()>> {
        let log = LogMetrics::new([(name, None::<&str>)]).unwrap();
        let found = log.feed(line).into_iter();
        found.map(|found| found.value.map_err(|_| ())).collect()
    }

    #[test]
    fn a_name_is_enough_for_what_programs_print() {
        for (line, value) in [
            ("f1=0.87", 0.87),
            ("epoch 3 f1 = 0.87 loss=1", 0.87),
            ("f1: 0.87.", 0.87),
            ("INFO:root:f1=-0.4", -0.4),
            ("{'f1': 4.8e-05, 'loss': 1}", 4.8e-5),
            ("{'loss': 1, 'f1': np.float64(0.5)}", 0.5),
            ("f1=tensor(0.5, device='cuda:0')", 0.5),
            (r#"{"step": 115, "f1": 0.87}"#, 0.87),
            (r#"{"f1":"0.87"}"#, 0.87),
            ("F1=0.1 f1=+1E3", 1e3),
            ("f1=.5", 0.5),
            ("f1=-inf", f64::NEG_INFINITY),
            (r#"{"f1": Infinity}"#, f64::INFINITY),
        ] {
            assert_eq!(read("f1", line), [Ok(value)], "{line}");
        }
        for line in ["f1=nan", r#"{"f1": NaN}"#, "f1: -nan"] {
            assert!(read("f1", line)[0].unwrap().is_nan(), "{line}");
        }
        assert_eq!(read("f1", "f1=0.5,f1=0.6 f1: 0.7"), [Ok(0.5), Ok(0.6), Ok(0.7)]);
        assert_eq!(read("recall@5 (macro)", "recall@5 (macro): 0.3"), [Ok(0.3)]);
    }

    #[test]
    fn other_names_and_words_are_not_values_of_it() {
        for line in [
            "eval_f1=0.5",
            "val/f1=0.5",
            "val.f1: 0.5",
            "best-f1: 0.5",
            "f12=0.5",
            "f1_macro: 0.5",
            r#"{"eval_f1": 0.5}"#,
            r#"{"val f1": 0.5}"#,
            "f1 0.5",
            "f1: better than before",
            "f1=info",
            r#"{"f1": null}"#,
        ] {
            assert_eq!(read("f1", line), [], "{line}");
        }
    }

    #[test]
    fn a_part_of_a_number_is_not_its_value() {
        for line in ["f1=0,4784", "f1: 2026-01-02", "f1=1_000"] {
            assert_eq!(read("f1", line), [Err(())], "{line}");
        }
    }
}
