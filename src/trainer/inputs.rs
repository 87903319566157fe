//! Texts to answer, a line each: a JSON object, or texts with a tab between.

use super::excerpt::{excerpt, shortened};
use serde_json::Value;

/// Longest line, in bytes: more is no text but a mistake.
pub(super) const MAX_LINE_BYTES: usize = 16 << 20;

/// What the texts of an example are called in an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asked {
    /// The first one.
    pub first: &'static str,
    /// The second, of tasks about two.
    pub second: Option<&'static str>,
}

/// The texts of one example.
#[derive(Clone, Debug, PartialEq)]
pub struct Input {
    /// The first text.
    pub first: String,
    /// The second.
    pub second: Option<String>,
    /// What the object has under `id`, to be handed back.
    pub id: Option<Value>,
}

impl Input {
    /// Reads a line without its end; the error is a sentence.
    pub(super) fn parse(line: &[u8], asked: Asked) -> Result<Self, String> {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let text =
            std::str::from_utf8(line).map_err(|fault| format!("it is not UTF-8 ({fault}); convert it"))?;
        match text.trim_start().starts_with('{') {
            true => Self::of_object(text, asked),
            false => Self::of_columns(text, asked),
        }
    }

    fn of_object(text: &str, asked: Asked) -> Result<Self, String> {
        let object: Value = serde_json::from_str(text)
            .map_err(|fault| format!("it is not JSON ({})", shortened(&fault.to_string())))?;
        let word = |key: &str| match &object[key] {
            Value::String(text) => Ok(text.clone()),
            Value::Null => Err(format!("it has no {key}")),
            other => Err(format!(
                "its {key} is {}, which is no text",
                excerpt(&other.to_string())
            )),
        };
        Ok(Self {
            first: word(asked.first)?,
            second: asked.second.map(word).transpose()?,
            id: object.get("id").cloned(),
        })
    }

    fn of_columns(text: &str, asked: Asked) -> Result<Self, String> {
        let columns: Vec<&str> = text.split('\t').collect();
        let (first, second) = match (columns.as_slice(), asked.second) {
            ([first], None) => (*first, None),
            ([first, second], Some(_)) => (*first, Some((*second).to_owned())),
            (found, _) => {
                let names = [Some(asked.first), asked.second]
                    .into_iter()
                    .flatten()
                    .collect::<Vec<_>>();
                return Err(format!(
                    "it has {} columns where {} belong ({})",
                    found.len(),
                    names.len(),
                    names.join(", tab, ")
                ));
            }
        };
        Ok(Self {
            first: first.to_owned(),
            second,
            id: None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const PAIR: Asked = Asked {
        first: "text",
        second: Some("text_pair"),
    };
    const ONE: Asked = Asked {
        first: "text",
        second: None,
    };

    #[test]
    fn a_line_is_an_object_or_columns() {
        let input = |first: &str, second: Option<&str>, id| Input {
            first: first.into(),
            second: second.map(str::to_owned),
            id,
        };
        let parse = |line: &str, asked| Input::parse(line.as_bytes(), asked).unwrap();
        assert_eq!(parse("a\tb\r", PAIR), input("a", Some("b"), None));
        assert_eq!(parse("a b", ONE), input("a b", None, None));
        let object = r#" {"text": "a\tb", "text_pair": "", "id": 7, "more": []}"#;
        assert_eq!(parse(object, PAIR), input("a\tb", Some(""), Some(json!(7))));
    }

    #[test]
    fn what_is_neither_is_refused_in_a_sentence() {
        let said = |line: &[u8], asked| Input::parse(line, asked).unwrap_err();
        assert_eq!(
            said(b"a", PAIR),
            "it has 1 columns where 2 belong (text, tab, text_pair)"
        );
        assert_eq!(said(b"a\tb", ONE), "it has 2 columns where 1 belong (text)");
        assert_eq!(said(br#"{"text": "a"}"#, PAIR), "it has no text_pair");
        assert_eq!(
            said(br#"{"text": 5}"#, ONE),
            "its text is \"5\", which is no text"
        );
        assert!(said(b"{", ONE).starts_with("it is not JSON"));
        assert!(said(b"\xff", ONE).contains("UTF-8"));
        let long = [b"{\"text\": [".as_slice(), &b"1,".repeat(10_000)].concat();
        assert!(said(&long, ONE).len() < 400);
    }
}
