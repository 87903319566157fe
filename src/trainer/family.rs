//! BERT and its relatives: what each of them calls a parameter in its checkpoints, and where they differ.
//!
//! Inside the trainer a parameter has BERT's name, whatever the checkpoint: `bert.…` in the encoder, `bert.pooler.dense` and
//! `classifier` over its first token, `qa_outputs` over each token.

use super::task::Head;

/// Which architecture a checkpoint has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Family {
    /// Devlin et al. 2019.
    Bert = 0,
    /// Liu et al. 2019: no segments, positions that begin after the padding's.
    Roberta = 1,
    /// Sanh et al. 2019: no segments.
    DistilBert = 2,
}

/// How names begin, in the order of [`Family`].
const PLACES: [[&str; 3]; 5] = [
    [
        "bert.embeddings.",
        "roberta.embeddings.",
        "distilbert.embeddings.",
    ],
    [LAYER, "roberta.encoder.layer.", "distilbert.transformer.layer."],
    ["bert.pooler.dense.", "classifier.dense.", "pre_classifier."],
    ["classifier.", "classifier.out_proj.", "classifier."],
    ["qa_outputs.", "qa_outputs.", "qa_outputs."],
];

/// How the names of a layer begin; its number follows, then one of [`PARTS`].
const LAYER: &str = "bert.encoder.layer.";

/// The parts of a layer: in BERT and RoBERTa, and in DistilBERT.
const PARTS: [[&str; 2]; 8] = [
    ["attention.self.query.", "attention.q_lin."],
    ["attention.self.key.", "attention.k_lin."],
    ["attention.self.value.", "attention.v_lin."],
    ["attention.output.dense.", "attention.out_lin."],
    ["attention.output.LayerNorm.", "sa_layer_norm."],
    ["intermediate.dense.", "ffn.lin1."],
    ["output.dense.", "ffn.lin2."],
    ["output.LayerNorm.", "output_layer_norm."],
];

impl Family {
    /// All of them.
    pub(super) const ALL: [Self; 3] = [Self::Bert, Self::Roberta, Self::DistilBert];

    /// As `model_type` in config.json names it.
    pub(super) fn model_type(self) -> &'static str {
        ["bert", "roberta", "distilbert"][self as usize]
    }

    /// How the names of its classes begin in transformers.
    pub(super) fn class_prefix(self) -> &'static str {
        ["Bert", "Roberta", "DistilBert"][self as usize]
    }

    /// What the names of an encoder's tensors begin with where a head stands beside it.
    pub(super) fn prefix(self) -> &'static str {
        ["bert.", "roberta.", "distilbert."][self as usize]
    }

    /// Transformers' class of this family with such a head.
    pub(super) fn architecture(self, head: Head) -> &'static str {
        let names = match head {
            Head::Pooled(_) => [
                "BertForSequenceClassification",
                "RobertaForSequenceClassification",
                "DistilBertForSequenceClassification",
            ],
            Head::Span => [
                "BertForQuestionAnswering",
                "RobertaForQuestionAnswering",
                "DistilBertForQuestionAnswering",
            ],
        };
        names[self as usize]
    }

    /// What this family's checkpoints call the parameter that is `canonical` here.
    pub(super) fn name_in(self, canonical: &str) -> String {
        let found = PLACES
            .iter()
            .find_map(|place| Some((place, canonical.strip_prefix(place[0])?)));
        let Some((place, rest)) = found else {
            return canonical.to_owned();
        };
        let begin = place[self as usize];
        let in_layer = (place[0] == LAYER && self == Self::DistilBert)
            .then(|| rest.split_once('.'))
            .flatten();
        let Some((number, name)) = in_layer else {
            return format!("{begin}{rest}");
        };
        let part = PARTS
            .iter()
            .find_map(|part| Some((part[1], name.strip_prefix(part[0])?)));
        let (part, rest) = part.unwrap_or(("", name));
        format!("{begin}{number}.{part}{rest}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_family_has_its_own_names() {
        let query = "bert.encoder.layer.11.attention.self.query.weight";
        for (family, canonical, expected) in [
            (Family::Bert, query, query),
            (
                Family::Roberta,
                query,
                "roberta.encoder.layer.11.attention.self.query.weight",
            ),
            (
                Family::DistilBert,
                query,
                "distilbert.transformer.layer.11.attention.q_lin.weight",
            ),
            (
                Family::DistilBert,
                "bert.encoder.layer.0.output.LayerNorm.bias",
                "distilbert.transformer.layer.0.output_layer_norm.bias",
            ),
            (
                Family::DistilBert,
                "bert.encoder.layer.0.attention.output.LayerNorm.bias",
                "distilbert.transformer.layer.0.sa_layer_norm.bias",
            ),
            (
                Family::DistilBert,
                "bert.embeddings.LayerNorm.weight",
                "distilbert.embeddings.LayerNorm.weight",
            ),
            (Family::Bert, "bert.pooler.dense.bias", "bert.pooler.dense.bias"),
            (Family::Roberta, "bert.pooler.dense.bias", "classifier.dense.bias"),
            (
                Family::DistilBert,
                "bert.pooler.dense.bias",
                "pre_classifier.bias",
            ),
            (Family::Roberta, "classifier.weight", "classifier.out_proj.weight"),
            (Family::DistilBert, "classifier.weight", "classifier.weight"),
            (Family::Roberta, "qa_outputs.weight", "qa_outputs.weight"),
        ] {
            assert_eq!(family.name_in(canonical), expected);
        }
    }
}
