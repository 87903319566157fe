//! What GLUE measures. Answers and labels are of one length; classes are whole numbers.

/// Share of answers that are right, in [0, 1].
pub fn accuracy(answers: &[f64], labels: &[f64]) -> f64 {
    let right = answers.iter().zip(labels).filter(|(a, l)| a == l).count();
    right as f64 / labels.len().max(1) as f64
}

/// Of two classes, how often each was answered: [hits, false alarms, misses, right refusals] of the class 1.
fn counts(answers: &[f64], labels: &[f64]) -> [f64; 4] {
    let mut counts = [0.0; 4];
    for (answer, label) in answers.iter().zip(labels) {
        let place = match (*answer == 1.0, *label == 1.0) {
            (true, true) => 0,
            (true, false) => 1,
            (false, true) => 2,
            (false, false) => 3,
        };
        counts[place] += 1.0;
    }
    counts
}

/// F1 of the class 1: 2 TP / (2 TP + FP + FN), in [0, 1]; 0 where nothing is right.
pub fn f1(answers: &[f64], labels: &[f64]) -> f64 {
    let [hits, false_alarms, misses, _] = counts(answers, labels);
    2.0 * hits / (2.0 * hits + false_alarms + misses).max(1.0)
}

/// Matthews' correlation of two classes (Matthews 1975), in [-1, 1]:
/// (TP TN - FP FN) / √((TP + FP) (TP + FN) (TN + FP) (TN + FN)), 0 where a factor is 0.
pub fn matthews(answers: &[f64], labels: &[f64]) -> f64 {
    let [hits, false_alarms, misses, refusals] = counts(answers, labels);
    let product = (hits + false_alarms) * (hits + misses) * (refusals + false_alarms) * (refusals + misses);
    if product == 0.0 {
        0.0
    } else {
        (hits * refusals - false_alarms * misses) / product.sqrt()
    }
}

/// Pearson's correlation, in [-1, 1]; 0 where one side is constant.
pub fn pearson(answers: &[f64], labels: &[f64]) -> f64 {
    let n = labels.len().max(1) as f64;
    let mean = |values: &[f64]| values.iter().sum::<f64>() / n;
    let (a, l) = (mean(answers), mean(labels));
    let (mut both, mut of_answers, mut of_labels) = (0.0, 0.0, 0.0);
    for (answer, label) in answers.iter().zip(labels) {
        both += (answer - a) * (label - l);
        of_answers += (answer - a).powi(2);
        of_labels += (label - l).powi(2);
    }
    let product = of_answers * of_labels;
    if product > 0.0 { both / product.sqrt() } else { 0.0 }
}

/// Spearman's correlation, in [-1, 1]: Pearson's of the ranks, of which equal values share the mean.
pub fn spearman(answers: &[f64], labels: &[f64]) -> f64 {
    pearson(&ranks(answers), &ranks(labels))
}

fn ranks(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|a, b| values[*a].total_cmp(&values[*b]));
    let mut ranks = vec![0.0; values.len()];
    let mut n_before = 0;
    for equal in order.chunk_by(|a, b| values[*a] == values[*b]) {
        let mean = n_before as f64 + (equal.len() - 1) as f64 / 2.0;
        equal.iter().for_each(|place| ranks[*place] = mean);
        n_before += equal.len();
    }
    ranks
}

/// Probabilities of classes with these logits.
pub(super) fn softmax(logits: &[f32]) -> Vec<f64> {
    let most = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let weights: Vec<f64> = logits.iter().map(|logit| f64::from(logit - most).exp()).collect();
    let sum: f64 = weights.iter().sum();
    weights.iter().map(|weight| weight / sum).collect()
}

#[cfg(test)]
#[path = "measures_tests.rs"]
mod tests;
